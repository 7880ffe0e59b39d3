//! The operations that kernels are made of, one small cube function each.
//!
//! They are never called but expanded: `leaf::add::expand(scope, a, b)` appends the operation to a kernel. cubecl
//! makes `expand` from the function's body, so the names here are those of the operations and nothing else.

use cubecl::prelude::*;

/// Which thread this is, counted over the whole launch.
#[cube]
pub(super) fn thread() -> u32 {
    ABSOLUTE_POS as u32
}

/// Which thread of its block this is.
#[cube]
pub(super) fn unit() -> u32 {
    UNIT_POS
}

/// Which block this is, counted over the whole launch.
#[cube]
pub(super) fn block() -> u32 {
    CUBE_POS as u32
}

/// Place `at` behind `n` stretches of this length.
#[cube]
pub(super) fn along(n: u32, #[comptime] length: u32, at: u32) -> u32 {
    n * length + at
}

#[cube]
pub(super) fn times_plus(a: u32, b: u32, c: u32) -> u32 {
    a * b + c
}

#[cube]
pub(super) fn both_below(a: u32, b: u32, c: u32, d: u32) -> bool {
    a < b && c < d
}

#[cube]
pub(super) fn below(a: u32, b: u32) -> bool {
    a < b
}

/// Place `part` of the `parts` that a thread works on.
#[cube]
pub(super) fn place(thread: u32, #[comptime] parts: u32, #[comptime] part: u32) -> u32 {
    thread * parts + part
}

#[cube]
pub(super) fn plus(a: u32, b: u32) -> u32 {
    a + b
}

#[cube]
pub(super) fn product(a: u32, b: u32) -> u32 {
    a * b
}

#[cube]
pub(super) fn is(a: u32, #[comptime] b: u32) -> bool {
    a == b
}

#[cube]
pub(super) fn quotient(a: u32, b: u32) -> u32 {
    a / b
}

#[cube]
pub(super) fn remainder(a: u32, b: u32) -> u32 {
    a % b
}

#[cube]
pub(super) fn read<E: Scalar, N: Size>(buffer: &[Vector<E, N>], at: u32) -> Vector<E, N> {
    buffer[at as usize]
}

#[cube]
pub(super) fn write<E: Scalar, N: Size>(buffer: &mut [Vector<E, N>], at: u32, value: Vector<E, N>) {
    buffer[at as usize] = value;
}

#[cube]
pub(super) fn splat<E: Scalar, N: Size>(value: E) -> Vector<E, N> {
    Vector::new(value)
}

#[cube]
pub(super) fn number<N: Size>(#[comptime] number: f32) -> Vector<f32, N> {
    Vector::new(number.runtime())
}

#[cube]
pub(super) fn word<N: Size>(#[comptime] word: u32) -> Vector<u32, N> {
    Vector::new(word.runtime())
}

#[cube]
pub(super) fn single_word(#[comptime] word: u32) -> u32 {
    word.runtime()
}

#[cube]
pub(super) fn lane<E: Scalar, N: Size>(vector: Vector<E, N>, #[comptime] lane: usize) -> E {
    vector.extract(lane)
}

#[cube]
pub(super) fn pair<E: Scalar, N: Size>(a: E, b: E) -> Vector<E, N> {
    let mut vector = Vector::<E, N>::empty();
    vector.insert(0usize, a);
    vector.insert(1usize, b);
    vector
}

#[cube]
pub(super) fn four<E: Scalar, N: Size>(a: E, b: E, c: E, d: E) -> Vector<E, N> {
    let mut vector = Vector::<E, N>::empty();
    vector.insert(0usize, a);
    vector.insert(1usize, b);
    vector.insert(2usize, c);
    vector.insert(3usize, d);
    vector
}

macro_rules! float_operations {
    ($($name:ident($($arg:ident),*) = $value:expr;)*) => {
        $(
            #[cube]
            pub(super) fn $name<N: Size>($($arg: Vector<f32, N>),*) -> Vector<f32, N> {
                $value
            }
        )*
    };
}

float_operations! {
    add(a, b) = a + b;
    sub(a, b) = a - b;
    mul(a, b) = a * b;
    div(a, b) = a / b;
    neg(a) = -a;
    abs(a) = a.abs();
    sqrt(a) = a.sqrt();
}

#[cube]
pub(super) fn multiply_add<N: Size>(a: Vector<f32, N>, b: Vector<f32, N>, c: Vector<f32, N>) -> Vector<f32, N> {
    fma(a, b, c)
}

macro_rules! word_operations {
    ($($name:ident($($arg:ident),*) = $value:expr;)*) => {
        $(
            #[cube]
            pub(super) fn $name<N: Size>($($arg: Vector<u32, N>),*) -> Vector<u32, N> {
                $value
            }
        )*
    };
}

word_operations! {
    word_add(a, b) = a + b;
    word_sub(a, b) = a - b;
    word_mul(a, b) = a * b;
    word_mul_high(a, b) = a.mul_hi(b);
    word_and(a, b) = a & b;
    word_or(a, b) = a | b;
    word_xor(a, b) = a ^ b;
    shift_left(a, by) = a << by;
    shift_right(a, by) = a >> by;
}

#[cube]
pub(super) fn shift_right_signed<N: Size>(a: Vector<u32, N>, #[comptime] by: i32) -> Vector<u32, N> {
    Vector::<u32, N>::reinterpret(Vector::<i32, N>::reinterpret(a) >> Vector::<i32, N>::new(by.runtime()))
}

#[cube]
pub(super) fn less<N: Size>(a: Vector<f32, N>, b: Vector<f32, N>) -> Vector<bool, N> {
    a.less_than(&b)
}

#[cube]
pub(super) fn at_most<N: Size>(a: Vector<f32, N>, b: Vector<f32, N>) -> Vector<bool, N> {
    a.less_equal(&b)
}

#[cube]
pub(super) fn equal<N: Size>(a: Vector<f32, N>, b: Vector<f32, N>) -> Vector<bool, N> {
    a.equal(&b)
}

#[cube]
pub(super) fn same<N: Size>(a: Vector<u32, N>, b: Vector<u32, N>) -> Vector<bool, N> {
    a.equal(&b)
}

#[cube]
pub(super) fn word_less<N: Size>(a: Vector<u32, N>, b: Vector<u32, N>) -> Vector<bool, N> {
    a.less_than(&b)
}

#[cube]
pub(super) fn choose<E: Scalar, N: Size>(mask: Vector<bool, N>, a: Vector<E, N>, b: Vector<E, N>) -> Vector<E, N> {
    select_many(mask, a, b)
}

#[cube]
pub(super) fn bits<N: Size>(a: Vector<f32, N>) -> Vector<u32, N> {
    Vector::<u32, N>::reinterpret(a)
}

#[cube]
pub(super) fn floats<N: Size>(a: Vector<u32, N>) -> Vector<f32, N> {
    Vector::<f32, N>::reinterpret(a)
}

#[cube]
pub(super) fn signed_to_float<N: Size>(a: Vector<u32, N>) -> Vector<f32, N> {
    Vector::<f32, N>::cast_from(Vector::<i32, N>::reinterpret(a))
}

/// The low 16 bits.
#[cube]
pub(super) fn narrow(word: u32) -> u16 {
    u16::cast_from(word)
}

#[cube]
pub(super) fn widen(half: u16) -> u32 {
    u32::cast_from(half)
}

/// PTX: the binary16 number in the low half of a word.
#[cube]
pub(super) fn ptx_from_f16(word: u32) -> f32 {
    let number: f32;
    gpu_asm!(
        "{{.reg .b16 h; cvt.u16.u32 h, {word}; cvt.f32.f16 {number}, h;}}",
        number = out(_) number, word = in(_) word, options(pure, nomem)
    );
    number
}

/// PTX: two numbers as binary16, the first in the low half.
#[cube]
pub(super) fn ptx_to_f16(low: f32, high: f32) -> u32 {
    let word: u32;
    gpu_asm!(
        "cvt.rn.f16x2.f32 {word}, {high}, {low};",
        word = out(_) word, low = in(_) low, high = in(_) high, options(pure, nomem)
    );
    word
}

/// PTX: two numbers as bfloat16, the first in the low half.
#[cube]
pub(super) fn ptx_to_bf16(low: f32, high: f32) -> u32 {
    let word: u32;
    gpu_asm!(
        "cvt.rn.bf16x2.f32 {word}, {high}, {low};",
        word = out(_) word, low = in(_) low, high = in(_) high, options(pure, nomem)
    );
    word
}
