use super::*;

#[test]
fn sorts_are_listed_in_three_forms() {
    let desk = Desk::new();
    let people = desk.run(&["list"]).well().out;
    for word in ["samplers", "schedules", "dpmpp_2m", "scaled_linear", "2211.01095"] {
        assert!(people.contains(word), "{word} is missing in\n{people}");
    }
    let short = desk.run(&["list", "samplers", "--format", "short"]).well().out;
    assert!(short.lines().all(|line| line.starts_with("sampler ")), "{short}");
    let rows: serde_json::Value =
        serde_json::from_str(&desk.run(&["list", "samplers", "--format", "json"]).well().out).expect("JSON");
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), short.lines().count());
    let row = rows.iter().find(|row| row["name"] == "dpmpp_2m").expect("it is in the library");
    assert_eq!(row["facts"]["evals"]["per_step"], 1);
    assert_eq!(row["facts"]["order"]["formula"], 2);
    assert_eq!(row["paper"], "2211.01095");
}

#[test]
fn an_unknown_sort_is_wrong_usage() {
    Desk::new().run(&["list", "solvers"]).fails(2, "`solvers` is no part of the library");
}
