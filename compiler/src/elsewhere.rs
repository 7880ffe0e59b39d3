//! Requests with names of other projects: `--sampler "DPM++ 2M Karras"` is a sampler and a grid here.

use std::borrow::Cow;

use crate::compile::Request;
use crate::hir::Slot;
use crate::library::std_names;
use crate::types::ItemSort;

/// What another project's name for an item of this sort is here, in words.
pub(crate) fn meaning(sort: ItemSort, name: &str) -> Option<String> {
    let alias = samp_std::alias(name)?;
    let (_, here) = alias.slots().find(|(slot, _)| *slot == sort.name())?;
    let beside: Vec<String> = alias
        .slots()
        .filter(|(slot, _)| *slot != sort.name())
        .map(|(slot, here)| format!(", {slot} `{here}`"))
        .collect();
    Some(format!("what {} calls `{}` is `{here}` here{}", alias.project, alias.name, beside.concat()))
}

/// The name of another project that was probably meant, in words; options in brackets are of no other project.
pub(crate) fn nearest(name: &str) -> Option<String> {
    if name.contains(['(', ')']) {
        return None;
    }
    let near = samp_lang::suggest::nearest(name, samp_std::aliases().map(|alias| alias.name))?;
    let alias = samp_std::alias(near)?;
    Some(format!("did you mean `{near}`, as {} calls it?", alias.project))
}

/// The request in our own names. A slot that is filled by name keeps what it is given, whatever an alias says of it;
/// our own names come first.
pub(crate) fn translated(request: &Request) -> Cow<'_, Request> {
    let meant = |slot: Slot, value: &str| {
        let own = ItemSort::from_name(slot.name()).is_some_and(|sort| std_names(sort).any(|name| name == value));
        let alias = if own { None } else { samp_std::alias(value) }?;
        alias.slots().any(|(name, _)| name == slot.name()).then_some(alias)
    };
    if !request.slots.iter().any(|(slot, value)| meant(*slot, value).is_some()) {
        return Cow::Borrowed(request);
    }
    let mut slots: Vec<(Slot, String)> = Vec::new();
    let mut implied: Vec<(Slot, String)> = Vec::new();
    for (slot, value) in &request.slots {
        let Some(alias) = meant(*slot, value) else {
            slots.push((*slot, value.clone()));
            continue;
        };
        for (name, here) in alias.slots() {
            match Slot::from_name(name) {
                Some(filled) if filled == *slot => slots.push((filled, here.to_owned())),
                Some(filled) => implied.push((filled, here.to_owned())),
                None => {}
            }
        }
    }
    implied.retain(|(slot, _)| request.slots.iter().all(|(given, _)| given != slot));
    slots.extend(implied);
    Cow::Owned(Request { slots, ..request.clone() })
}
