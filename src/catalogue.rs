//! What a customer is told: a neutral catalogue of codes, each with what to do in words.
//!
//! Promises that no text gives away why: it names no rule, threshold, list or report. Must never know a rule.

use crate::decision::Outcome;

/// A language in which people are spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Vietnamese.
    Vietnamese,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::Vietnamese];

    /// Its ISO 639 code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Vietnamese => "vi",
        }
    }
}

/// What a customer can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The code that stands for it in rule files and answers.
    pub code: &'static str,
    /// The outcomes that it goes with.
    pub goes_with: &'static [Outcome],
    english: &'static str,
    vietnamese: &'static str,
}

impl Advice {
    /// What the customer reads.
    pub const fn text(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Vietnamese => self.vietnamese,
        }
    }
}

use Outcome::{Allow, Block, StepUp};

const DONE: Advice = Advice {
    code: "payment_done",
    goes_with: &[Allow],
    english: "Your payment is on its way.",
    vietnamese: "Giao dịch của quý khách đang được thực hiện.",
};
const CONFIRM: Advice = Advice {
    code: "confirm_payment",
    goes_with: &[StepUp],
    english: "Please confirm this payment to continue.",
    vietnamese: "Vui lòng xác nhận giao dịch này để tiếp tục.",
};
const NOT_NOW: Advice = Advice {
    code: "not_possible_now",
    goes_with: &[Block],
    english: "This payment is not possible at the moment. Your money has not been moved.",
    vietnamese: "Hiện chưa thể thực hiện giao dịch này. Tiền của quý khách chưa bị trừ.",
};

/// All that a customer can be told.
pub const CATALOGUE: [Advice; 10] = [
    DONE,
    CONFIRM,
    Advice {
        code: "confirm_identity",
        goes_with: &[StepUp],
        english: "Please confirm that it is you to continue.",
        vietnamese: "Vui lòng xác thực danh tính của quý khách để tiếp tục.",
    },
    Advice {
        code: "use_biometrics",
        goes_with: &[StepUp],
        english: "Please confirm with your face or fingerprint to continue.",
        vietnamese: "Vui lòng xác thực bằng khuôn mặt hoặc vân tay để tiếp tục.",
    },
    Advice {
        code: "use_app",
        goes_with: &[StepUp],
        english: "Please open our app and confirm this payment there.",
        vietnamese: "Vui lòng mở ứng dụng của chúng tôi và xác nhận giao dịch tại đó.",
    },
    Advice {
        code: "check_payee",
        goes_with: &[StepUp],
        english: "Please check the name of the person you are paying, then confirm.",
        vietnamese: "Vui lòng kiểm tra tên người nhận rồi xác nhận giao dịch.",
    },
    NOT_NOW,
    Advice {
        code: "try_later",
        goes_with: &[Block],
        english: "This payment could not be made. Please try again later.",
        vietnamese: "Giao dịch chưa được thực hiện. Vui lòng thử lại sau.",
    },
    Advice {
        code: "contact_us",
        goes_with: &[StepUp, Block],
        english: "Please contact us about this payment.",
        vietnamese: "Vui lòng liên hệ với chúng tôi về giao dịch này.",
    },
    Advice {
        code: "visit_branch",
        goes_with: &[StepUp, Block],
        english: "Please visit a branch with your identity document to make this payment.",
        vietnamese: "Vui lòng đến chi nhánh và mang theo giấy tờ tùy thân để thực hiện giao dịch này.",
    },
];

/// What a code stands for.
pub fn find(code: &str) -> Option<&'static Advice> {
    CATALOGUE.iter().find(|advice| advice.code == code)
}

/// What is said where no rule says anything that goes with the outcome.
pub const fn default(outcome: Outcome) -> &'static Advice {
    match outcome {
        Allow => &DONE,
        StepUp => &CONFIRM,
        Block => &NOT_NOW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_says_something_in_every_language_without_a_number() {
        for (at, advice) in CATALOGUE.iter().enumerate() {
            assert_eq!(CATALOGUE.iter().position(|other| other.code == advice.code), Some(at));
            assert!(!advice.goes_with.is_empty(), "{}", advice.code);
            for language in Language::ALL {
                let text = advice.text(language);
                assert!(text.ends_with('.') && !text.contains(|c: char| c.is_numeric()), "{text}");
            }
        }
    }

    #[test]
    fn a_default_goes_with_its_outcome() {
        for outcome in Outcome::ALL {
            assert!(default(outcome).goes_with.contains(&outcome));
            assert_eq!(find(default(outcome).code), Some(default(outcome)));
        }
    }
}
