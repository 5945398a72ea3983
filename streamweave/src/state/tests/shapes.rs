//! Shapes and schemas.

use super::*;

#[test]
fn shapes_tell_fields_variants_and_primitives() {
    assert_eq!(
        Shape::of::<Order>().as_str(),
        "{price:i64,side:option(<At:{limit:f64},Buy:(),Sell:u8>),tags:seq(str)}"
    );
    assert_eq!(Shape::of::<BTreeMap<u8, (bool, [u8; 2])>>().as_str(), "map(u8,(bool,(u8,u8)))");
    assert_ne!(Keyed::<u32, u64>::shape(), Keyed::<u32, i64>::shape());
    assert_ne!(Keyed::<u32, Vec<u8>>::shape(), KeyedList::<u32, u8>::shape());
}

#[test]
fn type_names_and_order_do_not_matter_but_names_do() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Other {
        side: Option<Otherwise>,
        tags: VecDeque<String>,
        price: i64,
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    enum Otherwise {
        At { limit: f64 },
        Sell(u8),
        Buy,
    }
    assert_eq!(Shape::of::<Order>(), Shape::of::<Other>());
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Renamed {
        side: Option<Otherwise>,
        tags: Vec<String>,
        cost: i64,
    }
    assert_ne!(Shape::of::<Order>().fingerprint(), Shape::of::<Renamed>().fingerprint());
}

// In a key the order is part of the hash.
#[test]
fn keys_keep_their_order() {
    assert_eq!(Keyed::<(u8, String), ()>::shape().as_str(), "keyed(key1((u8,str)),())");
}

#[test]
fn recursive_and_refusing_types_end() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Tree {
        left: Option<Box<Tree>>,
        children: Vec<Tree>,
        value: Expression,
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    enum Expression {
        Sum(Box<Expression>, Box<Expression>),
        Not(Box<Expression>),
        Literal(u32),
    }
    assert_eq!(
        Shape::of::<Tree>().as_str(),
        "{children:seq(^0),left:option(^0),value:<Literal:u32,Not:^0,Sum:(^0,?)>}"
    );

    struct Never;
    impl<'de> Deserialize<'de> for Never {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            String::deserialize(from)?;
            Err(serde::de::Error::custom("no text is good enough"))
        }
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Refusing {
        first: Never,
        second: std::num::NonZeroU16,
        third: Never,
        fourth: Vec<Never>,
    }
    assert_eq!(
        Shape::of::<Refusing>().as_str(),
        "{first:str,fourth:seq(str),second:u16,third:str}"
    );

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Endless(Vec<Endless>);
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Wide(Box<(Option<Wide>, Option<Wide>, Option<Wide>)>);
    assert!(Shape::of::<Endless>().as_str().starts_with("seq(seq("));
    Shape::of::<Wide>();
}

#[test]
fn schemas_do_not_depend_on_the_order_of_fields() {
    let field = |name| FieldSchema::of::<Value<u8>>(name);
    let schema = NodeSchema::new([field("a"), field("b")]);
    assert_eq!(schema.fingerprint(), NodeSchema::new([field("b"), field("a")]).fingerprint());
    assert_ne!(schema.fingerprint(), NodeSchema::new([field("a")]).fingerprint());
}
