//! Names that are not interchangeable: a grid zone is not a cloud region.
//!
//! In: the key as written in facts and job files. Out: a newtype. Whether the key exists is the
//! catalog's affair.

use std::fmt;

macro_rules! name {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);
        impl $name {
            /// Takes the key as it is written.
            pub fn new(key: impl Into<String>) -> Self { Self(key.into()) }
            /// The key.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(&self.0) }
        }
        impl From<&str> for $name { fn from(key: &str) -> Self { Self(key.to_owned()) } }
    )*};
}

name! {
    /// A grid zone: balancing area, bidding zone or country (`DE`, `US-CAL-CISO`).
    ZoneId,
    /// A cloud region, `provider/region` (`gcp/us-central1`), or the name a user gave a room of their own.
    RegionId,
    /// An accelerator of the catalog (`a100-sxm4-80g`, `tpu-v4`).
    AcceleratorId,
    /// A row of `sources.csv`.
    SourceId,
}

impl RegionId {
    /// The part before the slash: the provider.
    ///
    /// ```
    /// use greenwich_core::RegionId;
    /// assert_eq!(RegionId::new("gcp/us-central1").provider(), Some("gcp"));
    /// assert_eq!(RegionId::new("our room").provider(), None);
    /// ```
    pub fn provider(&self) -> Option<&str> {
        self.0.split_once('/').map(|(provider, _)| provider)
    }
}
