//! The words of methods and device kinds on disk, and back.
//!
//! In: a word of a file. Out: what it means here.

use greenwich_core::reading::{DeviceKind, Method};

/// All methods, best known first.
pub(crate) const METHODS: [Method; 4] = [Method::Counted, Method::Sampled, Method::Estimated, Method::Unknown];

const KINDS: [DeviceKind; 6] = [
    DeviceKind::CpuPackage,
    DeviceKind::Dram,
    DeviceKind::Platform,
    DeviceKind::Gpu,
    DeviceKind::Node,
    DeviceKind::Other,
];

/// The method that a word means; a word of a later version is known no better than `unknown`.
pub(crate) fn method(word: &str) -> Method {
    METHODS.into_iter().find(|method| method.as_str() == word).unwrap_or(Method::Unknown)
}

/// The kind that a word means; a word of a later version is an `other`.
pub(crate) fn kind(word: &str) -> DeviceKind {
    KINDS.into_iter().find(|kind| kind.as_str() == word).unwrap_or(DeviceKind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_what_wrote_it() {
        assert!(METHODS.into_iter().all(|one| method(one.as_str()) == one));
        assert!(KINDS.into_iter().all(|one| kind(one.as_str()) == one));
        assert_eq!((method("divined"), kind("tpu-pod")), (Method::Unknown, DeviceKind::Other));
    }
}
