//! Noise in a device function: the counters of `backend/noise`, word for word, and its normals, step for step.
//!
//! On a device with fused multiply-adds and correctly rounded square roots the normals are those of the CPU bit for
//! bit; elsewhere they differ in the last bits.

use cubecl::prelude::*;

use super::lanes::{Float, Vectors, Word};
use super::leaf;
use crate::backend::elementary::{self, Lanes, horner};
use crate::backend::noise::{MULTIPLIERS, ROUNDS, WEYL};
use crate::backend::poly;

/// The run's part of a counter and its key.
pub(super) struct Stream<'a> {
    pub(super) seed: [&'a NativeExpand<u32>; 2],
    pub(super) stream: &'a NativeExpand<u32>,
    pub(super) draw: &'a NativeExpand<u32>,
}

/// The four words of a counter in each lane.
pub(super) fn philox<N: Size>(
    ctx: &mut Vectors<'_, N>,
    group: &Word<N>,
    sample: &Word<N>,
    stream: &Stream<'_>,
) -> [Word<N>; 4] {
    let splat = |ctx: &Vectors<'_, N>, word: &NativeExpand<u32>| ctx.splat(word);
    let mut x = [*group, splat(ctx, stream.draw), *sample, splat(ctx, stream.stream)];
    let mut key = stream.seed.map(|word| splat(ctx, word));
    for round in 0..ROUNDS {
        if round > 0 {
            for (word, weyl) in key.iter_mut().zip(WEYL) {
                let weyl = ctx.word(weyl);
                *word = ctx.word_add(word, &weyl);
            }
        }
        let [first, second] = MULTIPLIERS.map(|multiplier| ctx.word(multiplier));
        let (low_0, high_0) = ctx.word_product(&x[0], &first);
        let (low_1, high_1) = ctx.word_product(&x[2], &second);
        let y0 = ctx.word_xor(&high_1, &x[1]);
        let y0 = ctx.word_xor(&y0, &key[0]);
        let y2 = ctx.word_xor(&high_0, &x[3]);
        let y2 = ctx.word_xor(&y2, &key[1]);
        x = [y0, low_1, y2, low_0];
    }
    x
}

/// The cosine and the sine normal of two words: Box and Muller 1958, equation 1.
pub(super) fn box_muller<N: Size>(ctx: &mut Vectors<'_, N>, a: &Word<N>, b: &Word<N>) -> [Float<N>; 2] {
    let u = unit(ctx, a);
    let ln = elementary::ln_normal(ctx, &u);
    let minus_two = ctx.f32(-2.0);
    let square = ctx.mul(&minus_two, &ln);
    let radius = ctx.sqrt(&square);

    let (u, four, rounder) = (unit(ctx, b), ctx.f32(4.0), ctx.f32(poly::ROUNDER));
    let quarters = ctx.mul(&u, &four);
    let shifted = ctx.add(&quarters, &rounder);
    let (_, whole) = elementary::whole(ctx, &shifted);
    let rest = ctx.sub(&quarters, &whole);
    let right_angle = ctx.f32(std::f32::consts::FRAC_PI_2);
    let y = ctx.mul(&rest, &right_angle);

    let z = ctx.mul(&y, &y);
    let p = horner(ctx, &z, &poly::SIN);
    let p = ctx.mul(&p, &z);
    let sin = ctx.fma(&p, &y, &y);
    let (one, minus_half) = (ctx.f32(1.0), ctx.f32(-0.5));
    let most = ctx.fma(&z, &minus_half, &one);
    let p = horner(ctx, &z, &poly::COS);
    let square = ctx.mul(&z, &z);
    let cos = ctx.fma(&p, &square, &most);

    let (quadrant, one) = (ctx.bits(&shifted), ctx.word(1));
    let next = ctx.word_add(&quadrant, &one);
    [next, quadrant].map(|quadrant| {
        let turned = elementary::turned(ctx, &quadrant, &sin, &cos);
        ctx.mul(&radius, &turned)
    })
}

/// The middle of one of 2^24 equal parts of (0, 1); the last rounds to 1.
fn unit<N: Size>(ctx: &mut Vectors<'_, N>, word: &Word<N>) -> Float<N> {
    const PART: f32 = 1.0 / 16_777_216.0;
    let top = ctx.shift_right(word, 8);
    let number = ctx.signed_to_float(&top);
    let (part, half) = (ctx.f32(PART), ctx.f32(0.5 * PART));
    ctx.fma(&number, &part, &half)
}

/// The normals of four neighbouring elements, which have one counter.
pub(super) fn four<N: Size>(
    ctx: &Vectors<'_, N>,
    group: &NativeExpand<u32>,
    sample: &NativeExpand<u32>,
    stream: &Stream<'_>,
) -> Float<N> {
    let scope = ctx.scope;
    let mut single = Vectors::<Const<1>>::new(scope);
    let (group, sample) = (single.splat(group), single.splat(sample));
    let words = philox(&mut single, &group, &sample, stream);
    let [w0, w1, w2, w3] = words.map(|word| leaf::lane::expand(scope, word, 0));
    // Both pairs at once.
    let mut pairs = Vectors::<Const<2>>::new(scope);
    let (a, b) = (leaf::pair::expand(scope, w0, w2), leaf::pair::expand(scope, w1, w3));
    let [cos, sin] = box_muller(&mut pairs, &a, &b);
    let lane = |vector: &Float<Const<2>>, k: usize| leaf::lane::expand(scope, *vector, k);
    leaf::four::expand(scope, lane(&cos, 0), lane(&sin, 0), lane(&cos, 1), lane(&sin, 1))
}

/// The normal of each lane's element, which is number `element` of its sample.
pub(super) fn single<N: Size>(
    ctx: &mut Vectors<'_, N>,
    element: &Word<N>,
    sample: &Word<N>,
    stream: &Stream<'_>,
) -> Float<N> {
    let group = ctx.shift_right(element, 2);
    let [w0, w1, w2, w3] = philox(ctx, &group, sample, stream);
    let (zero, one, two, three) = (ctx.word(0), ctx.word(1), ctx.word(2), ctx.word(3));
    let place = ctx.word_and(element, &three);
    let a = ctx.choose_less(&place, &two, &w0, &w2);
    let b = ctx.choose_less(&place, &two, &w1, &w3);
    let [cos, sin] = box_muller(ctx, &a, &b);
    let odd = ctx.word_and(element, &one);
    let is_even = ctx.same(&odd, &zero);
    ctx.select(is_even, &cos, &sin)
}

#[cfg(all(test, feature = "wgpu"))]
#[expect(clippy::unwrap_used, reason = "tests fail by panic")]
mod tests {
    use std::sync::Arc;

    use cubecl::device::Device;
    use cubecl::ir::settings::{ExecutionMode, KernelSettings};
    use cubecl::ir::{AddressType, DeviceProperties, ElemType};
    use cubecl::wgpu::WgpuDeviceKind;

    use super::*;
    use crate::backend::noise;

    const GROUPS: u32 = 4096;

    /// The four words of the counters of [`GROUPS`] threads.
    struct Words(Arc<DeviceProperties>);

    impl Words {
        fn settings() -> KernelSettings {
            KernelSettings::new(*CubeDim::new_1d(256), ExecutionMode::Unchecked, AddressType::U32).kernel_name("words")
        }
    }

    impl KernelMetadata for Words {
        fn id(&self) -> KernelId {
            KernelId::new::<Words>().cube_dim(Words::settings().cube_dim)
        }

        fn address_type(&self) -> ElemType {
            AddressType::U32.unsigned_type()
        }
    }

    impl CubeKernel for Words {
        fn define(&self) -> KernelDefinition {
            let mut builder = KernelBuilder::new(Words::settings());
            builder.device_properties(&self.0);
            let arg = BufferCompilationArg { inplace: None };
            let mut buffer = <[Vector<u32, Const<4>>] as LaunchArg>::expand(&arg, &mut builder);
            let mut word = || <u32 as LaunchArg>::expand(&Default::default(), &mut builder);
            let (sample, seed, stream, draw) = (word(), [word(), word()], word(), word());
            let scope = &builder.scope;
            let thread = leaf::thread::expand(scope);
            let mut ctx = Vectors::<Const<1>>::new(scope);
            let (group, sample) = (ctx.splat(&thread), ctx.splat(&sample));
            let source = Stream { seed: seed.each_ref(), stream: &stream, draw: &draw };
            let [a, b, c, d] =
                philox(&mut ctx, &group, &sample, &source).map(|word| leaf::lane::expand(scope, word, 0));
            let words = leaf::four::expand(scope, a, b, c, d);
            leaf::write::expand(scope, &mut buffer, thread, words);
            builder.build()
        }
    }

    #[test]
    fn words_are_the_cpu_s() {
        let client = Device::wgpu(WgpuDeviceKind::DefaultDevice).unwrap().client();
        for (sample, seed, stream, draw) in [(0, 0, 0, 0), (5, 0x299f_31d0_a409_3822, 3, 7), (u32::MAX, u64::MAX, 1, 2)]
        {
            let handle = client.empty(GROUPS as usize * 16);
            let mut launcher = KernelLauncher::new(Words::settings());
            // SAFETY: the buffer has as many vectors as there are threads.
            launcher.register_buffer(unsafe { BufferArg::from_raw_parts(handle.clone(), GROUPS as usize) }, 16);
            for word in [sample, seed as u32, (seed >> 32) as u32, stream, draw] {
                launcher.register_scalar(word);
            }
            launcher.launch(CubeCount::Static(GROUPS / 256, 1, 1), Words(client.properties_shared()), &client);
            let bytes = client.read_one(handle).unwrap();
            let word = |four: &[u8]| u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            let found: Vec<u32> = bytes.chunks_exact(4).map(word).collect();
            for (group, found) in (0..GROUPS).zip(found.chunks_exact(4)) {
                assert_eq!(found, noise::philox([group, draw, sample, stream], seed), "group {group}");
            }
        }
    }
}
