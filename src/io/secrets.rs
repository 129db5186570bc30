//! Names of fields that hold what must never be kept: one-time passwords, PINs, passwords, what is on a card, templates of
//! biometrics.
//!
//! Names only. A value that looks like the number of a card may be an id, an account or a reference, and a payment that is
//! refused for one is a loss that nobody foresees; a name is the same in every payment and shows at the first try.

/// What a name is without its parts that say nothing: small letters and digits, in order.
const NAMES: [&str; 43] = [
    "accesstoken",
    "authtoken",
    "bearertoken",
    "biometrictemplate",
    "cardno",
    "cardnumber",
    "ccnumber",
    "clientsecret",
    "creditcard",
    "creditcardnumber",
    "csc",
    "cvc",
    "cvc2",
    "cvv",
    "cvv2",
    "debitcard",
    "facetemplate",
    "fingerprinttemplate",
    "iristemplate",
    "magstripe",
    "maotp",
    "mapin",
    "matkhau",
    "onetimecode",
    "onetimepassword",
    "otp",
    "pan",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "pin",
    "pinblock",
    "privatekey",
    "pwd",
    "refreshtoken",
    "secret",
    "securitycode",
    "smartotp",
    "totp",
    "track1",
    "track2",
    "voicetemplate",
];

/// Parts before and after, which change nothing about what is held.
const BEFORE: [&str; 9] =
    ["account", "atm", "card", "customer", "email", "login", "sms", "transaction", "user"];
const AFTER: [&str; 9] = ["clear", "code", "data", "hash", "no", "number", "plain", "text", "value"];
/// A longer name is none of these, with anything before and after.
const LONGEST: usize = 48;

/// Whether a field of this name holds a secret. Case does not matter, nor does anything that is no letter and no digit.
pub(super) fn is_secret(name: &str) -> bool {
    let mut buffer = [0; LONGEST];
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric) {
        let Some(place) = buffer.get_mut(length) else { return false };
        *place = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
    let known = |name: &str| NAMES.binary_search(&name).is_ok();
    let ends =
        |name: &str| known(name) || AFTER.iter().any(|part| name.strip_suffix(part).is_some_and(known));
    ends(plain) || BEFORE.iter().any(|part| plain.strip_prefix(part).is_some_and(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        assert!(NAMES.is_sorted());
        for name in [
            "otp",
            "OTP",
            "o.t.p",
            "smsOtp",
            "sms_otp_code",
            "otp-value",
            "pin",
            "PIN code",
            "user_pin",
            "cardPin",
            "pinBlock",
            "password",
            "Customer Password",
            "password_hash",
            "cvv",
            "CVV2",
            "card_cvv",
            "card number",
            "cardNo",
            "pan",
            "track2Data",
            "biometric_template",
            "faceTemplate",
            "mat_khau",
            "ma_otp",
            "secret",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "",
            "otp_sent",
            "otp_attempts",
            "spin",
            "shipping",
            "pin_tries",
            "pinned",
            "panel",
            "company",
            "biometric",
            "fingerprint",
            "device_fingerprint",
            "card",
            "card_type",
            "account_number",
            "password_age_days",
            "token",
            "cardholder",
            "opinion",
            "mã",
            "promo_code",
            "merchant_secret_santa_and_more_words_than_any_of_these_has",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn no_key_of_an_event_is_one() {
        for field in crate::event::TextField::ALL {
            assert!(!is_secret(field.name()), "{}", field.name());
        }
    }
}
