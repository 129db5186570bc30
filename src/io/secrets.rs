//! Names of fields that hold what must never be kept: one-time passwords, PINs, passwords, what is on a card, templates of
//! biometrics.
//!
//! Names only. A value that looks like the number of a card may be an id, an account or a reference, and a payment that is
//! refused for one is a loss that nobody foresees; a name is the same in every payment and shows at the first try.

/// What a name is without its parts that say nothing: small letters and digits of ASCII, in order.
const NAMES: [&str; 63] = [
    "accesstoken",
    "authcode",
    "authenticationcode",
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
    "dulieusinhtrachoc",
    "emailcode",
    "faceid",
    "faceprint",
    "facetemplate",
    "fingerprint",
    "fingerprinttemplate",
    "fingertemplate",
    "iris",
    "iristemplate",
    "mabaomat",
    "magstripe",
    "maotp",
    "mapin",
    "matkhau",
    "mauvantay",
    "maxacnhan",
    "maxacthuc",
    "mpin",
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
    "sinhtrachoc",
    "smartotp",
    "smscode",
    "totp",
    "tpin",
    "track1",
    "track2",
    "vantay",
    "verificationcode",
    "voiceprint",
    "voicetemplate",
];

/// Parts before and after, which change nothing about what is held.
const BEFORE: [&str; 9] =
    ["account", "atm", "card", "customer", "email", "login", "sms", "transaction", "user"];
const AFTER: [&str; 9] = ["clear", "code", "data", "hash", "no", "number", "plain", "text", "value"];
/// A longer name is none of these, with anything before and after.
const LONGEST: usize = 48;

/// Whether a field of this name holds a secret. Neither case nor accents nor width matter, nor does anything that is no letter
/// and no digit of the Latin script.
pub(super) fn is_secret(name: &str) -> bool {
    let mut buffer = [0; LONGEST];
    let mut length = 0;
    for byte in name.chars().filter_map(folded) {
        let Some(place) = buffer.get_mut(length) else { return false };
        *place = byte;
        length += 1;
    }
    let plain = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
    let known = |name: &str| NAMES.binary_search(&name).is_ok();
    let ends =
        |name: &str| known(name) || AFTER.iter().any(|part| name.strip_suffix(part).is_some_and(known));
    ends(plain) || BEFORE.iter().any(|part| plain.strip_prefix(part).is_some_and(ends))
}

/// The small letter or the digit that a character is, without its accents; none for those that are neither. The accents that
/// Vietnamese has, composed or apart, and letters as wide as Chinese ones.
fn folded(character: char) -> Option<u8> {
    let plain = match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0)?,
        'À'..='Å' | 'à'..='å' | 'Ă' | 'ă' | 'Ạ'..='ặ' => 'a',
        'Ð' | 'Đ' | 'đ' => 'd',
        'È'..='Ë' | 'è'..='ë' | 'Ẹ'..='ệ' => 'e',
        'Ì'..='Ï' | 'ì'..='ï' | 'Ĩ' | 'ĩ' | 'Ỉ'..='ị' => 'i',
        'Ò'..='Ö' | 'ò'..='ö' | 'Ơ' | 'ơ' | 'Ọ'..='ợ' => 'o',
        'Ù'..='Ü' | 'ù'..='ü' | 'Ũ' | 'ũ' | 'Ư' | 'ư' | 'Ụ'..='ự' => 'u',
        'Ý' | 'ý' | 'ÿ' | 'Ỳ'..='ỹ' => 'y',
        other => other,
    };
    plain.is_ascii_alphanumeric().then_some(plain.to_ascii_lowercase() as u8)
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
            "mpin",
            "T-PIN",
            "fingerprint",
            "voicePrint",
            "Face ID",
            "iris",
            "sms_code",
            "verification_code",
            "authCode",
            "finger_template",
            "ｏｔｐ",
            "ＯＴＰ－ｃｏｄｅ",
            "mã pin",
            "Mã_PIN",
            "mã otp",
            "MÃ OTP",
            "ma\u{303}_otp",
            "mật khẩu",
            "MẬT KHẨU",
            "ma\u{323}\u{302}t kha\u{309}\u{302}u",
            "mã xác thực",
            "ma_xac_thuc",
            "mã xác nhận",
            "mã bảo mật",
            "vân tay",
            "van-tay",
            "mẫu vân tay",
            "sinh trắc học",
            "sinhTracHoc",
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
            "device_fingerprint",
            "iris_id",
            "ｓｐｉｎ",
            "màu pin",
            "mã giao dịch",
            "mã đơn hàng",
            "nhân viên tay nghề",
            "đặt hàng",
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
    fn every_letter_of_vietnamese_is_its_base_letter() {
        for (base, letters) in [
            (b'a', "aàáảãạăằắẳẵặâầấẩẫậAÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬ"),
            (b'd', "dđDĐ"),
            (b'e', "eèéẻẽẹêềếểễệEÈÉẺẼẸÊỀẾỂỄỆ"),
            (b'i', "iìíỉĩịIÌÍỈĨỊ"),
            (b'o', "oòóỏõọôồốổỗộơờớởỡợOÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢ"),
            (b'u', "uùúủũụưừứửữựUÙÚỦŨỤƯỪỨỬỮỰ"),
            (b'y', "yỳýỷỹỵYỲÝỶỸỴ"),
        ] {
            for letter in letters.chars() {
                assert_eq!(folded(letter), Some(base), "{letter}");
            }
        }
    }

    #[test]
    fn no_key_of_an_event_is_one() {
        for field in crate::event::TextField::ALL {
            assert!(!is_secret(field.name()), "{}", field.name());
        }
    }
}
