//! A transformer that imports what the host does not offer.

wit_bindgen::generate!({
    inline: "
        package test:stranger;
        interface clock { now: func() -> u64; }
        world stranger {
            import clock;
            export gristmill:plugin/transform@0.1.0;
        }
    ",
    path: "../../../wit",
    world: "test:stranger/stranger",
    generate_all,
});

use exports::gristmill::plugin::transform::{Guest, Output};
use gristmill::plugin::columns::Batch;
use gristmill::plugin::schema::{About, Context, Description};

struct Stranger;

impl Guest for Stranger {
    fn identify() -> About {
        About {
            name: "stranger".into(),
            version: test::stranger::clock::now().to_string(),
            summary: String::new(),
            config: Vec::new(),
        }
    }

    fn open(_: String, _: Context) -> Result<Description, String> {
        Err("it is never opened".into())
    }

    fn transform(_: Batch) -> Result<Output, String> {
        Err("it is never called".into())
    }
}

export!(Stranger);
