//! What an expression is about: the columns it names.

use super::expr::{Expr, Space};

/// The side of a join that an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Expr {
    /// The parts of an AND.
    pub(super) fn conjuncts<'e>(&'e self, into: &mut Vec<&'e Self>) {
        match self {
            Self::And(a, b) => {
                a.conjuncts(into);
                b.conjuncts(into);
            }
            other => into.push(other),
        }
    }

    /// The side that it is about. `None`: both, none, or unclear.
    pub(super) fn side(&self, width: usize) -> Option<Side> {
        let mut slots = Vec::new();
        if !self.slots(&mut slots) {
            return None;
        }
        let left = slots.iter().any(|at| *at < width);
        let right = slots.iter().any(|at| *at >= width);
        match (left, right) {
            (true, false) => Some(Side::Left),
            (false, true) => Some(Side::Right),
            _ => None,
        }
    }

    /// The columns that it names. False where a subquery may name others.
    pub(super) fn slots(&self, into: &mut Vec<usize>) -> bool {
        // Every one is looked at, also behind one that is unclear.
        let mut all = |exprs: &[&Self]| {
            let unclear = exprs.iter().filter(|e| !e.slots(into)).count();
            unclear == 0
        };
        match self {
            Self::Const(_) => true,
            Self::Slot(Space::Row, at) => {
                into.push(*at);
                true
            }
            Self::Slot(..) => true,
            Self::Field(a, _)
            | Self::Not(a)
            | Self::IsNull(a)
            | Self::Is(a, _)
            | Self::Negate(a)
            | Self::InSet(a, _)
            | Self::Cast { expr: a, .. }
            | Self::ToJson(a, _) => all(&[a]),
            Self::And(a, b)
            | Self::Or(a, b)
            | Self::Compare(_, a, b)
            | Self::Same(a, b)
            | Self::Arithmetic(_, a, b)
            | Self::Like(a, b)
            | Self::Element { array: a, at: b, .. } => all(&[a, b]),
            Self::Case(arms, default) => {
                let arms: Vec<_> = arms.iter().flat_map(|(when, then)| [when, then]).chain([&**default]).collect();
                all(&arms)
            }
            Self::In(a, list) => all(&std::iter::once(&**a).chain(list).collect::<Vec<_>>()),
            Self::Call(_, list) | Self::Struct(list) | Self::Array(list) => all(&list.iter().collect::<Vec<_>>()),
            Self::Correlated { .. } => false,
        }
    }
}
