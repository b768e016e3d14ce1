//! What an engine holds that the writer does not: the tail of its replication history beyond the fork.

/// Where an engine is in its replication history, as `INFO replication` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// `master_replid`
    pub id: String,
    /// `master_repl_offset`, in bytes.
    pub offset: u64,
    /// `master_replid2` and `second_repl_offset`: the history it continued when it was promoted, and the first byte that is
    /// its own. None if it never was.
    pub forked_from: Option<(String, u64)>,
}

/// What one engine has beyond another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing: following the writer loses nothing.
    None,
    /// So many bytes of the stream.
    Bytes(u64),
    /// The histories are not related: everything it holds may be its own.
    Unrelated,
}

/// What `own` holds beyond `writer`.
#[must_use]
pub fn tail_beyond(own: &History, writer: &History) -> Tail {
    // The last byte that both share.
    let shared_until = if own.id == writer.id {
        Some(writer.offset)
    } else {
        writer.forked_from.as_ref().filter(|(id, _)| *id == own.id).map(|(_, first_own)| first_own.saturating_sub(1))
    };
    match shared_until {
        None => Tail::Unrelated,
        Some(end) if own.offset <= end => Tail::None,
        Some(end) => Tail::Bytes(own.offset - end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(id: &str, offset: u64, forked_from: Option<(&str, u64)>) -> History {
        History { id: id.into(), offset, forked_from: forked_from.map(|(id, first)| (id.into(), first)) }
    }

    #[test]
    fn an_old_writer_that_stopped_at_the_fork_has_no_tail() {
        let writer = history("new", 150, Some(("old", 101)));
        assert_eq!(tail_beyond(&history("old", 100, None), &writer), Tail::None);
        assert_eq!(tail_beyond(&history("old", 101, None), &writer), Tail::Bytes(1));
        assert_eq!(tail_beyond(&history("old", 160, None), &writer), Tail::Bytes(60));
    }

    #[test]
    fn a_reader_of_the_same_history_is_never_ahead_unless_it_is() {
        let writer = history("new", 150, None);
        assert_eq!(tail_beyond(&history("new", 150, None), &writer), Tail::None);
        assert_eq!(tail_beyond(&history("new", 151, None), &writer), Tail::Bytes(1));
    }

    #[test]
    fn an_unknown_history_is_not_assumed_empty() {
        assert_eq!(tail_beyond(&history("other", 0, None), &history("new", 9, Some(("old", 5)))), Tail::Unrelated);
    }
}
