//! Metrics in the text format of Prometheus, version 0.0.4, which every version of it and node_exporter read.

use std::fmt::Write as _;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric as Sample, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

use crate::metrics::Kind;
use crate::watched::{Number, Value};

/// What the text is, in HTTP.
pub(crate) fn content_type() -> String {
    TextEncoder::new().format_type().to_owned()
}

/// The text of values, which are in the order of their metrics.
pub fn text(values: &[Value]) -> String {
    let families: Vec<MetricFamily> = values.chunk_by(|a, b| a.metric == b.metric).filter_map(family).collect();
    let mut out = String::new();
    if let Err(error) = TextEncoder::new().encode_utf8(&families, &mut out) {
        // Only a family without samples, or names that are none, which METRICS has not.
        let _ = writeln!(out, "# {error}");
    }
    out
}

fn family(values: &[Value]) -> Option<MetricFamily> {
    let metric = values.first()?.metric;
    let mut family = MetricFamily::default();
    family.set_name(metric.name.to_owned());
    family.set_help(metric.help.to_owned());
    family.set_field_type(match metric.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
    });
    let samples: Vec<Sample> = values
        .iter()
        .map(|value| {
            let labels = metric.labels.iter().zip(&value.labels).filter(|(_, text)| !text.is_empty());
            let pair = |(name, text): (&&str, &String)| {
                let mut pair = LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value(text.clone());
                pair
            };
            let mut sample = Sample::from_label(labels.map(pair).collect());
            let number = number(value.number);
            match metric.kind {
                Kind::Counter => {
                    let mut counter = Counter::default();
                    counter.set_value(number);
                    sample.set_counter(counter);
                }
                Kind::Gauge => {
                    let mut gauge = Gauge::default();
                    gauge.set_value(number);
                    sample.set_gauge(gauge);
                }
            }
            sample
        })
        .collect();
    family.set_metric(samples);
    Some(family)
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn number(number: Number) -> f64 {
    match number {
        Number::Count(count) => count as f64,
        Number::Seconds(seconds) => seconds,
    }
}
