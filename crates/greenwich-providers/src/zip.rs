//! Archives: the files of a ZIP, as ENTSO-E packs long answers.
//!
//! In: bytes. Out: the files, unpacked, none above a bound. Only stored and deflated files are known; a CRC that does
//! not fit is an error.

use flate2::read::DeflateDecoder;
use std::io::Read;

/// Whether bytes begin as an archive does.
pub(crate) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The files of an archive, together at most `most` bytes.
pub(crate) fn files(bytes: &[u8], most: usize) -> Result<Vec<Vec<u8>>, String> {
    let end =
        (0..=bytes.len().saturating_sub(22)).rev().take(66_000).find(|at| bytes[*at..].starts_with(b"PK\x05\x06"));
    let end = end.ok_or("an archive without its directory")?;
    let count = u16_at(bytes, end + 10)?;
    let mut at = u32_at(bytes, end + 16)? as usize;
    let mut files = Vec::new();
    let mut left = most;
    for _ in 0..count {
        if bytes.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Err("a broken directory of an archive".into());
        }
        let (method, crc) = (u16_at(bytes, at + 10)?, u32_at(bytes, at + 16)?);
        let packed = u32_at(bytes, at + 20)? as usize;
        let header = u32_at(bytes, at + 42)? as usize;
        let data = header + 30 + usize::from(u16_at(bytes, header + 26)?) + usize::from(u16_at(bytes, header + 28)?);
        let body = bytes.get(data..).and_then(|rest| rest.get(..packed)).ok_or("an archive that is cut off")?;
        let mut file = Vec::new();
        match method {
            0 => file.extend_from_slice(body),
            8 => {
                let mut reader = DeflateDecoder::new(body).take(left as u64 + 1);
                reader.read_to_end(&mut file).map_err(|_| "a file of an archive that does not unpack")?;
            }
            _ => return Err(format!("a file packed by method {method}")),
        }
        left = left.checked_sub(file.len()).ok_or_else(|| format!("an archive of more than {most} bytes"))?;
        let mut sum = flate2::Crc::new();
        sum.update(&file);
        if sum.sum() != crc {
            return Err("a file of an archive whose checksum does not fit".into());
        }
        files.push(file);
        let names = [28, 30, 32].map(|offset| u16_at(bytes, at + offset));
        for length in names {
            at += usize::from(length?);
        }
        at += 46;
    }
    Ok(files)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, String> {
    let found = bytes.get(at..at + 2).and_then(|found| found.try_into().ok());
    found.map(u16::from_le_bytes).ok_or_else(|| "an archive that is cut off".into())
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, String> {
    let found = bytes.get(at..at + 4).and_then(|found| found.try_into().ok());
    found.map(u32::from_le_bytes).ok_or_else(|| "an archive that is cut off".into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use std::io::Write as _;

    /// An archive of files, deflated, as a test writes one.
    pub(crate) fn archive(files: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut directory = Vec::new();
        for file in files {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(file).expect("memory takes all");
            let packed = encoder.finish().expect("memory takes all");
            let mut sum = flate2::Crc::new();
            sum.update(file);
            let mut sizes = sum.sum().to_le_bytes().to_vec();
            sizes.extend((packed.len() as u32).to_le_bytes());
            sizes.extend((file.len() as u32).to_le_bytes());
            let header = (out.len() as u32).to_le_bytes();
            out.extend(b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0");
            out.extend(&sizes);
            out.extend(b"\x05\0\0\0a.xml");
            out.extend(&packed);
            directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0");
            directory.extend(&sizes);
            directory.extend(b"\x05\0\0\0\0\0\0\0\0\0\0\0\0\0");
            directory.extend(header);
            directory.extend(b"a.xml");
        }
        let (at, length, count) = (out.len() as u32, directory.len() as u32, (files.len() as u16).to_le_bytes());
        out.extend(directory);
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend([count, count].concat());
        out.extend(length.to_le_bytes());
        out.extend(at.to_le_bytes());
        out.extend(b"\0\0");
        out
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let packed = archive(&[b"<a/>", &[b'x'; 5000]]);
        assert!(is_zip(&packed));
        let found = files(&packed, 10_000).expect("a sound archive");
        assert_eq!((found[0].as_slice(), found[1].len()), (&b"<a/>"[..], 5000));
    }

    #[test]
    fn a_bomb_is_not_unpacked_and_a_torn_archive_never_panics() {
        let packed = archive(&[&vec![0; 100_000]]);
        assert!(packed.len() < 1000);
        assert_eq!(files(&packed, 1000), Err("an archive of more than 1000 bytes".into()));
        for cut in 0..packed.len() {
            assert!(files(&packed[..cut], 200_000).is_err(), "cut at {cut}");
        }
        for place in 0..packed.len() {
            let mut changed = packed.clone();
            changed[place] ^= 0xff;
            _ = files(&changed, 200_000);
        }
    }
}
