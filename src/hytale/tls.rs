//! Whom we believe: the roots of the web, compiled in so that an image without `/etc/ssl` works, and what
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` add to them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Url;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tracing::warn;

use super::http::HttpError;

/// A TLS configuration for connections to `url`; without roots, and so without cost, where it is plain HTTP.
pub fn config(url: &Url) -> Result<ClientConfig, HttpError> {
    let mut roots = RootCertStore::empty();
    if url.scheme() == "https" {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for file in extra_files() {
            add(&mut roots, &file);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| HttpError::Setup(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn extra_files() -> Vec<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    let mut files: Vec<_> = variable("SSL_CERT_FILE")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    if let Some(folders) = variable("SSL_CERT_DIR") {
        for folder in env::split_paths(&folders) {
            match fs::read_dir(&folder) {
                Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
                Err(error) => warn!("cannot read SSL_CERT_DIR {}: {error}", folder.display()),
            }
        }
    }
    files
}

/// A certificate that cannot be used is no reason not to start: the others may do.
fn add(roots: &mut RootCertStore, file: &Path) {
    let certificates = match CertificateDer::pem_file_iter(file) {
        Ok(certificates) => certificates,
        Err(error) => return warn!("cannot read certificates from {}: {error}", file.display()),
    };
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
}
