//! The numbers that devices have whatever their nodes are called.

use std::{fmt, str::FromStr};

/// The number of a device; character devices and disks are numbered apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevNo {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

impl FromStr for DevNo {
    type Err = std::num::ParseIntError;

    /// Parses what a `dev` attribute says: `226:0`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.trim().split_once(':').unwrap_or_default();
        Ok(Self { major: major.parse()?, minor: minor.parse()? })
    }
}

impl fmt::Display for DevNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_makes_the_number_parser_panic(text in "\\PC*") {
            let _ = text.parse::<DevNo>();
        }

        #[test]
        fn a_printed_number_is_parsed_back(major in any::<u32>(), minor in any::<u32>()) {
            let number = DevNo { major, minor };
            prop_assert_eq!(format!("{number}\n").parse::<DevNo>().unwrap(), number);
        }
    }
}
