//! Whose certificates are trusted: those that are built in, or those of a file of one's own.
//!
//! In: a PEM file of authorities, as companies and universities hand out that look into their own traffic. Out:
//! [`Trust`], for the door. The file takes the place of what is built in, as `SSL_CERT_FILE` does elsewhere.

use crate::error::ProviderError;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

/// The variable that names a file of authorities.
pub const CA_VARIABLE: &str = "GREENWICH_CA_FILE";
/// The one that others honour as well: a file of it that cannot be read is passed over, since it is not set for us.
const COMMON_VARIABLE: &str = "SSL_CERT_FILE";

/// The authorities of a file.
#[derive(Debug, Clone)]
pub struct Trust {
    certificates: Arc<Vec<Certificate<'static>>>,
}

impl Trust {
    /// The file that the environment names, where it names one.
    ///
    /// # Errors
    /// [`ProviderError::CaFile`] where `GREENWICH_CA_FILE` names a file that holds no certificate.
    pub fn gather(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ProviderError> {
        let set = |name: &str| variable(name).filter(|path| !path.trim().is_empty());
        if let Some(path) = set(CA_VARIABLE) {
            return Self::read(Path::new(path.trim())).map(Some);
        }
        Ok(set(COMMON_VARIABLE).and_then(|path| Self::read(Path::new(path.trim())).ok()))
    }

    fn read(path: &Path) -> Result<Self, ProviderError> {
        let refuse = |problem: String| ProviderError::CaFile { path: path.display().to_string(), problem };
        let bytes = fs::read(path).map_err(|error| refuse(format!("it cannot be read: {}", error.kind())))?;
        let mut certificates = Vec::new();
        for item in parse_pem(&bytes) {
            if let PemItem::Certificate(certificate) = item.map_err(|_| refuse("it is no PEM".into()))? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(refuse("it holds no certificate".into()));
        }
        Ok(Self { certificates: Arc::new(certificates) })
    }

    pub(crate) fn roots(&self) -> RootCerts {
        RootCerts::Specific(Arc::clone(&self.certificates))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frame of a certificate; what is inside is read when a server shows its own.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQmFzZQ==\n-----END CERTIFICATE-----\n";

    fn gathered(name: &'static str, text: &str) -> Result<Option<Trust>, ProviderError> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let file = folder.path().join("ca.pem");
        fs::write(&file, text).expect("a file for the test");
        Trust::gather(|asked| (asked == name).then(|| file.display().to_string()))
    }

    #[test]
    fn certificates_are_taken_from_the_file_that_is_named() {
        let two = gathered(CA_VARIABLE, &PEM.repeat(2)).expect("two certificates").expect("a file");
        assert_eq!(two.certificates.len(), 2);
        assert!(gathered(COMMON_VARIABLE, PEM).expect("a certificate").is_some());
        assert!(Trust::gather(|_| None).expect("nothing is named").is_none());
    }

    #[test]
    fn a_file_without_one_is_refused_where_it_was_set_for_us() {
        let refused = gathered(CA_VARIABLE, "no certificate\n").expect_err("nothing in it").to_string();
        assert!(refused.contains("ca.pem") && refused.contains("it holds no certificate"), "{refused}");
        assert!(gathered(COMMON_VARIABLE, "no certificate\n").expect("passed over").is_none());
        let missing = Trust::gather(|asked| (asked == CA_VARIABLE).then(|| "/none/ca.pem".to_owned()));
        assert!(missing.expect_err("no file").to_string().contains("it cannot be read"));
    }
}
