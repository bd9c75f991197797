//! What the derives declare, and what a mapping of every shape and type makes of a batch.

#![allow(missing_docs)]

use gristmill_sdk::native::schema::{OnMismatch, Origin, Scalar};
use gristmill_sdk::native::{Array, Batch, Values, Varlen};

/// Every type, one to one.
mod every_type {
    use std::borrow::Cow;

    use gristmill_sdk::prelude::*;

    #[derive(Input)]
    #[input(documents = "a/{x}")]
    struct All<'a> {
        #[input(capture)]
        x: &'a str,
        #[input(document_name, name = "full")]
        name: Cow<'a, str>,
        #[input(steps("a.b", "c"), required)]
        flag: bool,
        owned: Option<String>,
        blob: Option<&'a [u8]>,
        #[input(field = "deep.er", mismatch = "null")]
        anything: Option<Json<&'a str>>,
        owner: Option<Reference<'a>>,
        #[input(type_of("a.b"))]
        kind: Option<FieldType>,
        #[input(create_time)]
        created: Option<Timestamp>,
    }

    #[derive(Row)]
    #[row(table = "all")]
    struct AllRow<'a> {
        x: &'a str,
        name: Cow<'a, str>,
        flag: bool,
        owned: Option<String>,
        blob: Option<Vec<u8>>,
        anything: Option<Json<String>>,
        owner: Option<Reference<'a>>,
        kind: Option<&'static str>,
        day: Option<Date>,
    }

    fn map<'a>(all: All<'a>, _: &Context) -> AllRow<'a> {
        AllRow {
            x: all.x,
            name: all.name,
            flag: all.flag,
            owned: all.owned,
            blob: all.blob.map(<[u8]>::to_vec),
            anything: all.anything.map(|json| Json(json.0.to_owned())),
            owner: all.owner,
            kind: all.kind.map(FieldType::name),
            day: all.created.map(Timestamp::date),
        }
    }

    gristmill_sdk::plugin! { summary: "All.", map: map }
}

/// A row, nothing, or a refusal; a setting without a default.
mod shapes {
    use gristmill_sdk::prelude::*;

    #[derive(Config)]
    struct Settings {
        odd: bool,
    }

    #[derive(Input)]
    #[input(documents = "a/*")]
    struct Number {
        n: i64,
    }

    #[derive(Row)]
    #[row(table = "numbers", key = "n")]
    struct NumberRow {
        n: i64,
    }

    fn map(number: Number, context: &Context<Settings>) -> Result<Option<NumberRow>, Rejection> {
        match number.n {
            n if n < 0 => Err(Rejection::new("negative", "no").input("n")),
            n if (n % 2 == 1) == context.config.odd => Ok(Some(NumberRow { n })),
            _ => Ok(None),
        }
    }

    gristmill_sdk::plugin! { map: map }
}

#[test]
fn every_type_goes_through() {
    let varlen = |offsets: [u32; 3], data: &str| Varlen { offsets: offsets.to_vec(), data: data.as_bytes().to_vec() };
    let array = |values, validity: Option<u8>| Array { values, validity: validity.map(|bits| vec![bits]) };
    let arrays = vec![
        array(Values::Strings(varlen([0, 1, 2], "xy")), None),
        array(Values::Strings(varlen([0, 2, 3], "xxy")), None),
        array(Values::Booleans(vec![0b10]), None),
        array(Values::Strings(varlen([0, 1, 1], "o")), Some(0b01)),
        array(Values::Bytes(varlen([0, 0, 2], "by")), Some(0b10)),
        array(Values::Json(varlen([0, 2, 4], "{}[]")), None),
        array(Values::Strings(varlen([0, 3, 3], "a/b")), Some(0b01)),
        array(Values::Strings(varlen([0, 3, 11], "mapgeoPoint")), None),
        array(Values::Timestamps(vec![0, -1]), Some(0b10)),
    ];
    let batch = Batch { rows: 2, columns: (0..9).collect(), arrays: arrays.clone() };
    let (description, mut transform) = every_type::native::open("{}", "run", 0).unwrap();
    let output = transform.transform(batch).unwrap();

    let rows = &output.tables[0].batch;
    assert_eq!((rows.rows, &rows.columns, &output.tables[0].origins), (2, &(0..9).collect(), &None));
    // All but the last are handed through.
    for (made, given) in rows.arrays.iter().zip(&arrays).take(8) {
        assert_eq!(format!("{made:?}"), format!("{given:?}"));
    }
    assert!(matches!(&rows.arrays[8].values, Values::Dates(days) if *days == [0, -1]));
    assert_eq!(rows.arrays[8].validity, Some(vec![0b10]));

    let of = |name: &str| description.inputs.iter().find(|i| i.name == name).unwrap();
    assert!(matches!(of("full").origin, Origin::DocumentName));
    assert!(matches!(of("created").origin, Origin::CreateTime));
    assert!(matches!(&of("flag").origin, Origin::Field(steps) if *steps == ["a.b", "c"]));
    assert!(matches!(&of("kind").origin, Origin::FieldType(steps) if *steps == ["a.b"]));
    assert_eq!((of("flag").required, of("owned").required), (true, false));
    assert_eq!((of("anything").on_mismatch, of("blob").on_mismatch), (OnMismatch::Null, OnMismatch::Reject));
    // Each type is declared once, and a reference is stored as a string.
    let type_of = |index: u32| format!("{:?}", description.types[index as usize]);
    let columns = &description.tables[0].columns;
    assert!(type_of(of("owner").type_).contains(&format!("{:?}", Scalar::Reference)));
    assert!(type_of(columns[6].type_).contains(&format!("{:?}", Scalar::String)));
    let mut types: Vec<_> = (0..).take(description.types.len()).map(type_of).collect();
    types.sort();
    types.dedup();
    assert_eq!(types.len(), description.types.len());
}

#[test]
fn rows_are_made_left_out_and_refused() {
    let batch = |numbers: &[i64]| Batch {
        rows: u32::try_from(numbers.len()).unwrap(),
        columns: vec![0],
        arrays: vec![Array { values: Values::Int64s(numbers.to_vec()), validity: None }],
    };
    let (_, mut transform) = shapes::native::open(r#"{"odd":true}"#, "run", 0).unwrap();
    let output = transform.transform(batch(&[1, 2, -3, 5])).unwrap();
    assert_eq!(output.tables[0].origins, Some(vec![0, 3]));
    assert!(matches!(&output.tables[0].batch.arrays[0].values, Values::Int64s(n) if *n == [1, 5]));
    let [refused] = output.rejections.as_slice() else { panic!("{:?}", output.rejections) };
    assert_eq!((refused.row, refused.code.as_str(), refused.input.as_deref()), (2, "negative", Some("n")));

    let none = transform.transform(batch(&[2, 4])).unwrap();
    assert_eq!((none.tables[0].batch.rows, &none.tables[0].origins), (0, &Some(vec![])));
}

#[test]
fn a_setting_without_a_default_must_be_given() {
    assert_eq!(shapes::native::identify().config[0].default, None);
    let error = shapes::native::open("{}", "run", 0).err().unwrap();
    assert_eq!(error, "setting `odd` is missing and has no default");
}
