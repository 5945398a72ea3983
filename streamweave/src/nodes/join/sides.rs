//! What becomes of records without a partner: inner and outer joins.

/// Which sides of a join send records without a partner, and what results look like: [`Inner`],
/// [`LeftOuter`], [`RightOuter`] or [`Full`].
pub trait Sides<A, B>: Send + Sync + 'static {
    /// Records of the left without a partner are sent.
    const LEFT: bool;
    /// Records of the right without a partner are sent.
    const RIGHT: bool;

    /// A result.
    type Joined: Send + 'static;

    /// Of two records that belong together.
    fn pair(left: &A, right: &B) -> Self::Joined;

    /// Of a record of the left without a partner.
    fn left(left: &A) -> Option<Self::Joined>;

    /// Of a record of the right without a partner.
    fn right(right: &B) -> Option<Self::Joined>;
}

macro_rules! sides {
    ($(#[$doc:meta])* $name:ident ($keeps_left:literal, $keeps_right:literal) $joined:ty, $a:ident, $b:ident: $pair:expr, $left:expr, $right:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl<A: Clone + Send + 'static, B: Clone + Send + 'static> Sides<A, B> for $name {
            const LEFT: bool = $keeps_left;
            const RIGHT: bool = $keeps_right;

            type Joined = $joined;

            fn pair($a: &A, $b: &B) -> Self::Joined {
                $pair
            }
            fn left($a: &A) -> Option<Self::Joined> {
                $left
            }
            fn right($b: &B) -> Option<Self::Joined> {
                $right
            }
        }
    };
}

sides! {
    /// Records without a partner are dropped.
    Inner (false, false) (A, B), _a, _b: (_a.clone(), _b.clone()), None, None
}
sides! {
    /// Records of the left without a partner are sent alone.
    LeftOuter (true, false) (A, Option<B>), _a, _b: (_a.clone(), Some(_b.clone())), Some((_a.clone(), None)), None
}
sides! {
    /// Records of the right without a partner are sent alone.
    RightOuter (false, true) (Option<A>, B), _a, _b: (Some(_a.clone()), _b.clone()), None, Some((None, _b.clone()))
}
sides! {
    /// Records of both sides without a partner are sent alone.
    Full (true, true) (Option<A>, Option<B>), _a, _b:
        (Some(_a.clone()), Some(_b.clone())),
        Some((Some(_a.clone()), None)),
        Some((None, Some(_b.clone())))
}
