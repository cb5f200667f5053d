//! The plaintext of a credential file: one BSON document (bsonspec.org, version 1.1). We understand its
//! strings, and keep everything else as it is: the server may know more than we do.

use thiserror::Error;
use zeroize::Zeroizing;

/// A document that breaks off or contradicts itself.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("it is not a whole BSON document")]
pub struct Broken;

/// A document's elements, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document(Vec<Element>);

#[derive(Clone, PartialEq, Eq)]
struct Element {
    kind: u8,
    name: Vec<u8>,
    value: Zeroizing<Vec<u8>>,
}

const STRING: u8 = 0x02;

/// The values may be secrets.
impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: [redacted]", String::from_utf8_lossy(&self.name))
    }
}

impl Document {
    /// # Errors
    /// For bytes that are no document, or more than one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Broken> {
        let mut rest = Bytes(bytes);
        if rest.length()? != bytes.len() {
            return Err(Broken);
        }
        let mut elements = Vec::new();
        loop {
            let kind = rest.take(1)?[0];
            if kind == 0 {
                break;
            }
            let name = rest.text()?.to_vec();
            let value = rest.value(kind)?.to_vec().into();
            elements.push(Element { kind, name, value });
        }
        match rest.0.is_empty() {
            true => Ok(Self(elements)),
            false => Err(Broken),
        }
    }

    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let size = |e: &Element| 1 + e.name.len() + 1 + e.value.len();
        let length = 4 + self.0.iter().map(size).sum::<usize>() + 1;
        // Exactly as large as it gets: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bytes.extend(int32(length));
        for element in &self.0 {
            bytes.push(element.kind);
            bytes.extend_from_slice(&element.name);
            bytes.push(0);
            bytes.extend_from_slice(&element.value);
        }
        bytes.push(0);
        bytes
    }

    /// A string, if there is one of this name that is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        let element = self.0.iter().find(|e| e.name == name.as_bytes())?;
        let text = element.value.get(4..)?.strip_suffix(b"\0")?;
        (element.kind == STRING).then(|| std::str::from_utf8(text).ok())?
    }

    /// Sets a string where the element stands, or at the end.
    pub fn set(&mut self, name: &str, text: &str) {
        let length = int32(text.len() + 1);
        let element = Element {
            kind: STRING,
            name: name.as_bytes().to_vec(),
            value: Zeroizing::new([length.as_slice(), text.as_bytes(), b"\0"].concat()),
        };
        match self.0.iter_mut().find(|e| e.name == element.name) {
            Some(old) => *old = element,
            None => self.0.push(element),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|e| e.name != name.as_bytes());
    }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Broken)?;
        self.0 = rest;
        Ok(taken)
    }

    fn length(&mut self) -> Result<usize, Broken> {
        let bytes = self.take(4)?.try_into().map_err(|_| Broken)?;
        usize::try_from(i32::from_le_bytes(bytes)).map_err(|_| Broken)
    }

    /// Up to a NUL, which is taken as well.
    fn text(&mut self) -> Result<&'a [u8], Broken> {
        let end = self.0.iter().position(|&b| b == 0).ok_or(Broken)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// A value of this kind, with whatever says its length.
    fn value(&mut self, kind: u8) -> Result<&'a [u8], Broken> {
        let start = self.0;
        match kind {
            // undefined, null, the two keys at the ends of the order
            0x06 | 0x0a | 0x7f | 0xff => {}
            // boolean
            0x08 => drop(self.take(1)?),
            // int32
            0x10 => drop(self.take(4)?),
            // double, time, timestamp, int64
            0x01 | 0x09 | 0x11 | 0x12 => drop(self.take(8)?),
            // object id
            0x07 => drop(self.take(12)?),
            // decimal
            0x13 => drop(self.take(16)?),
            // string, code, symbol
            STRING | 0x0d | 0x0e => self.string()?,
            // pointer
            0x0c => {
                self.string()?;
                self.take(12)?;
            }
            // binary: the length is that of the bytes after the subtype
            0x05 => {
                let length = self.length()?;
                self.take(1)?;
                self.take(length)?;
            }
            // document, array, code with scope: the length is that of the whole
            0x03 | 0x04 | 0x0f => {
                let rest = self.length()?.checked_sub(4).ok_or(Broken)?;
                self.take(rest)?;
            }
            // regular expression and its options
            0x0b => {
                self.text()?;
                self.text()?;
            }
            _ => return Err(Broken),
        }
        Ok(&start[..start.len() - self.0.len()])
    }

    /// The length counts the NUL at the end, which must be there.
    fn string(&mut self) -> Result<(), Broken> {
        let length = self.length()?;
        match self.take(length)?.last() {
            Some(0) => Ok(()),
            _ => Err(Broken),
        }
    }
}

/// Credentials are far from two gigabytes.
fn int32(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    /// Every type that has not been deprecated, as PyMongo wrote it.
    fn unknown() -> Zeroizing<Vec<u8>> {
        use crate::credentials::format::Key;
        use crate::secret::Secret;
        let file = include_bytes!("../../tests/fixtures/auth/unknown.enc");
        let passphrase = Secret::new("passphrase of the fixtures".to_owned());
        Key::derive(&passphrase).open(file).expect("it opens")
    }

    fn any(rng: &mut Rng, longest: usize) -> Vec<u8> {
        let length = rng.usize(..=longest);
        std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
    }

    /// Without the NUL that ends it.
    fn any_text(rng: &mut Rng) -> Vec<u8> {
        let mut text = any(rng, 12);
        text.retain(|&b| b != 0);
        text
    }

    fn prefixed(length: usize, bytes: &[u8]) -> Vec<u8> {
        [int32(length).as_slice(), bytes].concat()
    }

    /// A value of a random type.
    fn any_value(rng: &mut Rng) -> (u8, Vec<u8>) {
        let nul = b"\0".as_slice();
        let string = |text: &[u8]| prefixed(text.len() + 1, &[text, nul].concat());
        let fixed = [
            (0x0a, 0),
            (0x08, 1),
            (0x10, 4),
            (0x12, 8),
            (0x07, 12),
            (0x13, 16),
        ];
        match rng.u8(..6) {
            0 => (STRING, string(&any(rng, 20))),
            1 => {
                let bytes = any(rng, 20);
                (
                    0x05,
                    prefixed(bytes.len(), &[&[0x80], bytes.as_slice()].concat()),
                )
            }
            2 => (
                0x0b,
                [any_text(rng), nul.into(), any_text(rng), nul.into()].concat(),
            ),
            3 => (0x03, any_document(rng, 2)),
            4 => (0x0c, [string(&any(rng, 5)), vec![7; 12]].concat()),
            _ => {
                let (kind, length) = fixed[rng.usize(..fixed.len())];
                let bytes = std::iter::repeat_with(|| rng.u8(..));
                (kind, bytes.take(length).collect())
            }
        }
    }

    /// A document, written by other means than the ones that are tested.
    fn any_document(rng: &mut Rng, most: usize) -> Vec<u8> {
        let mut elements = Vec::new();
        for _ in 0..rng.usize(..=most) {
            let (kind, value) = any_value(rng);
            elements.push(kind);
            elements.extend(any_text(rng));
            elements.push(0);
            elements.extend(value);
        }
        elements.push(0);
        prefixed(elements.len() + 4, &elements)
    }

    #[test]
    fn what_was_parsed_is_written_as_it_was() {
        let mut rng = Rng::with_seed(1);
        let documents = (0..5_000).map(|_| any_document(&mut rng, 8));
        for bytes in documents.chain([unknown().to_vec(), b"\x05\0\0\0\0".to_vec()]) {
            let document = Document::parse(&bytes).expect("it is whole");
            assert_eq!(document.to_bytes().as_slice(), bytes);
        }
    }

    #[test]
    fn what_was_set_is_there_and_nothing_else_has_changed() {
        let mut rng = Rng::with_seed(2);
        for _ in 0..5_000 {
            let mut document = Document::parse(&any_document(&mut rng, 8)).expect("it is whole");
            let before = document.clone();
            let name = match document.0.get(rng.usize(..16)) {
                Some(element) => String::from_utf8_lossy(&element.name).into_owned(),
                None => "a new one \u{1f511}".to_owned(),
            };
            let text: String = (0..rng.usize(..10)).map(|_| rng.char(..)).collect();
            document.set(&name, &text);
            assert_eq!(document.get(&name), Some(text.as_str()));
            let read = Document::parse(&document.to_bytes()).expect("it is whole");
            assert_eq!(read, document);
            let others = |document: &Document| {
                let mut others = document.0.clone();
                if let Some(at) = others.iter().position(|e| e.name == name.as_bytes()) {
                    others.remove(at);
                }
                others
            };
            assert_eq!(others(&document), others(&before));
            document.remove(&name);
            assert_eq!(document.get(&name), None);
        }
    }

    #[test]
    fn a_field_that_is_set_stays_where_it_was() {
        let mut document = Document::parse(&unknown()).expect("it is whole");
        let names = |document: &Document| -> Vec<_> {
            let names = document.0.iter().map(|e| e.name.clone());
            names.collect()
        };
        let before = names(&document);
        document.set("RefreshToken", "another");
        assert_eq!(names(&document), before);
    }

    #[test]
    fn only_strings_are_text() {
        let document = Document::parse(&unknown()).expect("it is whole");
        for name in [
            "Int32", "Binary", "Code", "Document", "Null", "Inner", "MinKey",
        ] {
            assert_eq!(document.get(name), None, "{name}");
        }
        assert_eq!(document.get("After"), Some(""));
        assert_eq!(document.get("Größe \u{1f600}"), Some("a\0b ü"));
    }

    #[test]
    fn a_document_that_breaks_off_or_goes_on_is_none() {
        let whole = unknown();
        for length in 0..whole.len() {
            assert_eq!(
                Document::parse(&whole[..length]),
                Err(Broken),
                "{length} bytes"
            );
            // Nor when the length agrees.
            if length >= 4 {
                let mut cut = whole[..length].to_vec();
                cut[..4].copy_from_slice(&int32(length));
                assert_eq!(Document::parse(&cut), Err(Broken), "{length} bytes");
            }
        }
        assert_eq!(Document::parse(&[&whole[..], b"\0"].concat()), Err(Broken));
    }

    #[test]
    fn no_bytes_whatever_make_it_panic() {
        let mut rng = Rng::with_seed(3);
        let whole = unknown();
        for round in 0..50_000 {
            let bytes = if round % 2 == 0 {
                let mut bytes = any(&mut rng, 64);
                if let Some(length) = bytes.first_chunk_mut() {
                    *length = int32(rng.usize(..=64));
                }
                bytes
            } else {
                let mut bytes = whole.to_vec();
                for _ in 0..rng.usize(1..4) {
                    let at = rng.usize(..bytes.len());
                    bytes[at] = rng.u8(..);
                }
                bytes
            };
            if let Ok(document) = Document::parse(&bytes) {
                assert_eq!(document.to_bytes().as_slice(), bytes);
                let _ = document.get("RefreshToken");
                let _ = format!("{document:?}");
            }
        }
    }

    #[test]
    fn no_value_is_ever_printed() {
        let document = Document::parse(&unknown()).expect("it is whole");
        let printed = format!("{document:?}");
        assert!(printed.contains("RefreshToken: [redacted]"), "{printed}");
        assert!(!printed.contains("of-a-fixture"), "{printed}");
    }
}
