//! Lists and structs from an input to a row.

#![allow(missing_docs)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on says where it stands")]

use gristmill_sdk::native::schema::{DataType, Description};
use gristmill_sdk::native::{Array, Batch, NestedLists, Output, StructFields, Values, Varlen};

mod shop {
    use gristmill_sdk::prelude::*;

    #[derive(Record)]
    pub(super) struct Item<'a> {
        name: &'a str,
        #[record(name = "unitPrice")]
        price: Option<f64>,
        sizes: Option<Vec<i64>>,
    }

    /// Two strings that become one: there is no reading it.
    #[derive(Record)]
    #[record(write)]
    pub(super) struct Label<'a, const N: usize> {
        text: Join<'a, N>,
        of: Item<'a>,
    }

    #[derive(Record)]
    #[record(read)]
    struct Place {
        latitude: f64,
        longitude: f64,
    }

    #[derive(Input)]
    #[input(documents = "orders/{order}")]
    struct Order<'a> {
        #[input(capture)]
        order: &'a str,
        items: Vec<Item<'a>>,
        #[input(mismatch = "null")]
        gift: Option<Item<'a>>,
        place: Option<Place>,
    }

    #[derive(Row)]
    #[row(table = "orders", key = "order")]
    struct OrderRow<'a> {
        order: &'a str,
        items: Vec<Item<'a>>,
        gift: Option<Label<'a, 2>>,
        /// Latitude, then longitude.
        place: Vec<f64>,
    }

    fn map<'a>(order: Order<'a>, _: &Context) -> OrderRow<'a> {
        OrderRow {
            order: order.order,
            items: order.items,
            gift: order.gift.map(|of| Label { text: Join(":", [order.order, of.name]), of }),
            place: order.place.map(|place| vec![place.latitude, place.longitude]).unwrap_or_default(),
        }
    }

    gristmill_sdk::plugin! { map: map }
}

fn array(values: Values, validity: Option<u8>) -> Array {
    Array { values, validity: validity.map(|bits| vec![bits]) }
}

fn strings(texts: &[&str]) -> Values {
    let ends = texts.iter().scan(0, |end, text| {
        *end += u32::try_from(text.len()).unwrap();
        Some(*end)
    });
    Values::Strings(Varlen { offsets: std::iter::once(0).chain(ends).collect(), data: texts.concat().into_bytes() })
}

fn lists(offsets: &[u32], child: u32) -> Values {
    Values::Lists(NestedLists { offsets: offsets.to_vec(), child })
}

fn structs(length: u32, children: &[u32]) -> Values {
    Values::Structs(StructFields { length, children: children.to_vec() })
}

/// Three orders. The first has two items, the second one without a name, the third none, and a gift without a name;
/// the first has a gift and a place.
fn batch() -> Batch {
    let arrays = vec![
        array(strings(&["a", "b", "c"]), None),
        // Items.
        array(lists(&[0, 2, 3, 3], 2), None),
        array(structs(3, &[3, 4, 5]), None),
        array(strings(&["x", "é", ""]), Some(0b011)),
        array(Values::Float64s(vec![0.5, 0.0, 2.0]), Some(0b101)),
        array(lists(&[0, 2, 2, 2], 6), Some(0b101)),
        array(Values::Int64s(vec![7, 8]), None),
        // Gifts. The second is null, and what is in its name is nobody's.
        array(structs(3, &[8, 9, 10]), Some(0b101)),
        array(strings(&["g", "", ""]), Some(0b001)),
        array(Values::Float64s(vec![0.0; 3]), Some(0b000)),
        array(lists(&[0, 0, 0, 0], 11), Some(0b000)),
        array(Values::Int64s(vec![]), None),
        // Places.
        array(structs(3, &[13, 14]), Some(0b001)),
        array(Values::Float64s(vec![1.0, 0.0, 0.0]), Some(0b001)),
        array(Values::Float64s(vec![2.0, 0.0, 0.0]), Some(0b001)),
    ];
    Batch { rows: 3, columns: vec![0, 1, 7, 12], arrays }
}

fn run() -> (Description, Output) {
    let (description, mut transform) = shop::native::open("{}", "run", 0).unwrap();
    let output = transform.transform(batch()).unwrap();
    (description, output)
}

/// A declared type in words.
fn words(types: &[DataType], index: u32) -> String {
    match &types[index as usize] {
        DataType::Scalar(scalar) => format!("{scalar:?}").replace("Scalar::", ""),
        DataType::List(element) => format!("[{}]", words(types, *element)),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.name, words(types, f.type_))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

#[test]
fn types_are_declared_in_full_and_once() {
    let (description, _) = run();
    let types = &description.types;
    let item = "{name: String, unitPrice: Float64, sizes: [Int64]}";
    let inputs: Vec<_> = description.inputs.iter().map(|i| (words(types, i.type_), i.required)).collect();
    assert_eq!(
        inputs,
        [
            ("String".to_owned(), true),
            (format!("[{item}]"), true),
            (item.to_owned(), false),
            ("{latitude: Float64, longitude: Float64}".to_owned(), false),
        ]
    );
    let columns: Vec<_> = description.tables[0].columns.iter().map(|c| (words(types, c.type_), c.required)).collect();
    assert_eq!(
        columns,
        [
            ("String".to_owned(), true),
            (format!("[{item}]"), true),
            (format!("{{text: String, of: {item}}}"), false),
            ("[Float64]".to_owned(), true),
        ]
    );
    let mut all: Vec<_> = (0..).take(types.len()).map(|index| words(types, index)).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), types.len());
}

#[test]
fn values_go_through() {
    let (_, output) = run();
    let table = &output.tables[0];
    // The second order has an item without a name; the gift of the third is a mismatch that is null.
    assert_eq!(table.origins, Some(vec![0, 2]));
    let Batch { rows, columns, arrays } = &table.batch;
    assert_eq!((*rows, columns.as_slice(), arrays.len()), (2, &[0, 1, 7, 14][..], 16));
    let expected = [
        array(strings(&["a", "c"]), None),
        array(lists(&[0, 2, 2], 2), None),
        array(structs(2, &[3, 4, 5]), None),
        array(strings(&["x", "é"]), None),
        array(Values::Float64s(vec![0.5, 0.0]), Some(0b01)),
        array(lists(&[0, 2, 2], 6), Some(0b01)),
        array(Values::Int64s(vec![7, 8]), None),
        array(structs(2, &[8, 9]), Some(0b01)),
        array(strings(&["a:g", ""]), None),
        array(structs(2, &[10, 11, 12]), None),
    ];
    for (made, expected) in arrays.iter().zip(&expected) {
        assert_eq!(format!("{made:?}"), format!("{expected:?}"));
    }
    assert!(matches!(&arrays[14].values, Values::Lists(l) if l.offsets == [0, 2, 2] && l.child == 15));
    assert!(matches!(&arrays[15].values, Values::Float64s(v) if *v == [1.0, 2.0]));
}

#[test]
fn a_record_that_lacks_a_part_is_refused_before_it_is_mapped() {
    let (_, output) = run();
    let [refused] = output.rejections.as_slice() else { panic!("{:?}", output.rejections) };
    assert_eq!((refused.row, refused.code.as_str(), refused.input.as_deref()), (1, "missing-part", Some("items")));
}

#[test]
fn a_struct_that_breaks_the_contract_is_no_records_fault() {
    let (_, mut transform) = shop::native::open("{}", "run", 0).unwrap();
    let mut with = |values: Values| {
        let mut batch = batch();
        batch.arrays[7].values = values;
        transform.transform(batch).unwrap_err()
    };
    let breaks = "input `gift` as the host handed it over breaks the contract: ";
    for (values, says) in [
        (structs(2, &[8, 9, 10]), "its length is not the number of rows"),
        (structs(3, &[8, 9]), "it has not the declared number of fields"),
        (structs(3, &[7, 9, 10]), "a part of it does not come after it"),
        (structs(3, &[9, 8, 10]), "it has another type than the declared one"),
        (Values::Int64s(vec![0; 3]), "it has another type than the declared one"),
    ] {
        assert_eq!(with(values), format!("{breaks}{says}"));
    }
}
