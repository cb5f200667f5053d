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
