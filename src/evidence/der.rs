//! Reading and writing DER (X.690): definite lengths in their shortest form, nothing else.

/// The tags that time stamps use.
pub(super) mod tag {
    pub(in crate::evidence) const BOOLEAN: u8 = 0x01;
    pub(in crate::evidence) const INTEGER: u8 = 0x02;
    pub(in crate::evidence) const OCTETS: u8 = 0x04;
    pub(in crate::evidence) const NULL: u8 = 0x05;
    pub(in crate::evidence) const OID: u8 = 0x06;
    pub(in crate::evidence) const TIME: u8 = 0x18;
    pub(in crate::evidence) const SEQUENCE: u8 = 0x30;
    pub(in crate::evidence) const SET: u8 = 0x31;
    pub(in crate::evidence) const CONTEXT_0: u8 = 0xa0;
    pub(in crate::evidence) const CONTEXT_1: u8 = 0xa1;
}

/// Reads one element after another.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Nothing is left.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// The tag, the content and the whole of the next element.
    fn next(&self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .try_fold(0usize, |n, b| n.checked_mul(256).map(|n| n + usize::from(*b)))?;
            // The shortest form: no leading zero, and no long form for what fits the short one.
            if bytes.is_empty() || bytes[0] == 0 || length < 0x80 || bytes.len() > 4 {
                return None;
            }
            (length, rest)
        };
        let (content, after) = rest.split_at_checked(length)?;
        Some((tag, content, &self.0[..self.0.len() - after.len()]))
    }

    /// The content of the next element, which has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content, whole) = self.next()?;
        if found != tag {
            return None;
        }
        self.0 = &self.0[whole.len()..];
        Some(content)
    }

    /// The next element, which has this tag, with tag and length.
    pub(super) fn whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, _, whole) = self.next()?;
        if found != tag {
            return None;
        }
        self.0 = &self.0[whole.len()..];
        Some(whole)
    }

    /// A reader of the content of the next element, which has this tag.
    pub(super) fn inner(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.take(tag).map(Reader)
    }

    /// The same, if the next element has this tag at all.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Reader<'a>> {
        match self.next() {
            Some((found, ..)) if found == tag => self.inner(tag),
            _ => None,
        }
    }

    /// What is left are whole elements.
    pub(super) fn whole_to_the_end(mut self) -> Option<()> {
        while !self.0.is_empty() {
            self.any()?;
        }
        Some(())
    }

    /// Steps over the next element, whatever it is.
    pub(super) fn any(&mut self) -> Option<()> {
        let (_, _, whole) = self.next()?;
        self.0 = &self.0[whole.len()..];
        Some(())
    }
}

/// An element with this tag around `parts`.
pub(super) fn wrap(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        short @ 0..0x80 => out.push(short as u8),
        long => {
            let bytes = long.to_be_bytes();
            let zeros = bytes.iter().take_while(|b| **b == 0).count();
            out.push(0x80 | (bytes.len() - zeros) as u8);
            out.extend(&bytes[zeros..]);
        }
    }
    out.extend(content);
    out
}

/// A positive INTEGER from big-endian bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let mut digits = bytes[zeros.min(bytes.len().saturating_sub(1))..].to_vec();
    // A leading bit would make it negative.
    if digits.first().is_none_or(|b| b & 0x80 != 0) {
        digits.insert(0, 0);
    }
    wrap(tag::INTEGER, &[digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_spelling() {
        let check = |bytes: &[u8], expected: Option<usize>| {
            assert_eq!(
                Reader::new(bytes).take(tag::OCTETS).map(<[u8]>::len),
                expected,
                "{bytes:02x?}"
            );
        };
        check(&[4, 0], Some(0));
        check(&[4, 1, 9], Some(1));
        check(&[4, 1], None);
        check(&[4, 0x81, 1, 9], None);
        check(&[4, 0x80], None);
        check(&[4, 0x82, 0, 0x80], None);
        check(&wrap(tag::OCTETS, &[vec![0; 0x80]]), Some(0x80));
        check(&wrap(tag::OCTETS, &[vec![0; 70_000]]), Some(70_000));
        check(&[4, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], None);
    }

    #[test]
    fn integers_are_never_negative() {
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0, 0, 7]), [2, 1, 7]);
        assert_eq!(integer(&[0]), [2, 1, 0]);
        assert_eq!(integer(&[]), [2, 1, 0]);
    }
}
