//! Azure's error envelope.

use serde::{Deserialize, Serialize};

/// `{"error": {"code": .., "message": ..}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEnvelope {
    /// The error.
    #[serde(default)]
    pub error: ErrorBody,
}

/// An error of Azure's. The operation status of redisEnterprise puts a whole envelope where others put this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A stable word, such as `InsufficientCapacity`.
    #[serde(default)]
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// More of the same, often the real cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<ErrorBody>,
    /// The envelope within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<ErrorBody>>,
}

impl ErrorBody {
    /// The code and message that say most: the innermost envelope's, with its details' messages after it.
    #[must_use]
    pub fn told(&self) -> (String, String) {
        let mut body = self;
        while let Some(inner) = body.error.as_deref() {
            body = inner;
        }
        let mut message = body.message.clone();
        for detail in &body.details {
            let (code, text) = detail.told();
            for piece in [code, text].into_iter().filter(|piece| !piece.is_empty()) {
                message.push_str(if message.is_empty() { "" } else { "; " });
                message.push_str(&piece);
            }
        }
        (body.code.clone(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_envelope_speaks() {
        let body: ErrorBody = serde_json::from_str(
            r#"{"error": {"code": "OperationFailed", "message": "no", "details": [{"code": "InsufficientCapacity"}]}}"#,
        )
        .unwrap();
        assert_eq!(body.told(), ("OperationFailed".to_owned(), "no; InsufficientCapacity".to_owned()));
        assert_eq!(ErrorBody::default().told(), (String::new(), String::new()));
    }
}
