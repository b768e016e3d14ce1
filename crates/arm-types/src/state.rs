//! States of resources and links. Azure adds states without notice, so every one of these can hold a word we do not know.

/// An enumeration that keeps words it does not know. Known words are recognised in any case.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        #[allow(missing_docs)] // the words are Azure's own
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word this version does not know.
            Unknown(String),
        }

        impl $name {
            /// Azure's word for it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                    Self::Unknown(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                $(if word.eq_ignore_ascii_case(stringify!($variant)) {
                    return Self::$variant;
                })+
                Self::Unknown(word)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

open_enum! {
    /// How far the last write to a resource, or an operation, has come.
    ProvisioningState {
        Succeeded, Failed, Canceled, Accepted, Creating, Updating, Deleting, Running, InProgress,
        /// Key Vault: the DNS record of a new vault is not out yet.
        RegisteringDns,
    }
}

open_enum! {
    /// What a Redis cluster or database is really doing. It may lag behind [`ProvisioningState`].
    ResourceState {
        Running, Creating, CreateFailed, Updating, UpdateFailed, Deleting, DeleteFailed, Enabling, EnableFailed,
        Disabling, DisableFailed, Disabled, Scaling, ScalingFailed, Moving,
    }
}

open_enum! {
    /// A member of a geo group, as one of the members sees it.
    LinkState { Linked, Linking, Unlinking, LinkFailed, UnlinkFailed }
}

open_enum! {
    /// Whether the target's owner lets a private endpoint in.
    ConnectionStatus { Pending, Approved, Rejected, Disconnected }
}

impl ProvisioningState {
    /// No more change is to be expected, whether good or bad. Unknown words count as "still going".
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

impl ResourceState {
    /// It will not get to Running by itself.
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        matches!(
            self,
            Self::CreateFailed
                | Self::UpdateFailed
                | Self::DeleteFailed
                | Self::EnableFailed
                | Self::DisableFailed
                | Self::Disabled
                | Self::ScalingFailed
        )
    }
}

impl LinkState {
    /// It will not get to Linked by itself.
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        matches!(self, Self::LinkFailed | Self::UnlinkFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_in_any_case_and_unknown_ones_kept() {
        assert_eq!(ProvisioningState::from("succeeded".to_owned()), ProvisioningState::Succeeded);
        let odd = LinkState::from("Resyncing".to_owned());
        assert_eq!(odd, LinkState::Unknown("Resyncing".to_owned()));
        assert_eq!(serde_json::to_string(&odd).unwrap(), "\"Resyncing\"");
        assert!(!ProvisioningState::Unknown("Resolving".to_owned()).is_final());
    }
}
