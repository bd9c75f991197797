//! Short texts appended to long ones.

/// Appends `bytes`. Most texts of a document have 4 to 32 bytes: two copies of a fixed size, which may overlap, cost less than a call of `memcpy`.
#[inline(always)]
pub(crate) fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        4..8 => ends::<4>(out, bytes),
        8..=16 => ends::<8>(out, bytes),
        17..=32 => ends::<16>(out, bytes),
        _ => out.extend_from_slice(bytes),
    }
}

/// Appends `bytes` of `N` to `2 * N`.
#[inline(always)]
fn ends<const N: usize>(out: &mut Vec<u8>, bytes: &[u8]) {
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
        let end = out.len() + bytes.len();
        out.extend_from_slice(head);
        out.truncate(end - N);
        out.extend_from_slice(tail);
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn every_length() {
        let text: Vec<u8> = (0..100).collect();
        for len in 0..text.len() {
            let mut out = b"before".to_vec();
            append(&mut out, &text[..len]);
            append(&mut out, b"after");
            assert_eq!(out, [b"before", &text[..len], b"after"].concat());
        }
    }
}
