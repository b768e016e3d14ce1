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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing: following the writer loses nothing.
    None,
    /// The end of the stream.
    From {
        /// The history that both share, by which the engine can be asked for the rest.
        history: String,
        /// The first byte nobody else has.
        first: u64,
        /// How many there are.
        bytes: u64,
    },
    /// The histories are not related: everything it holds may be its own.
    Unrelated,
}

/// What `own` holds beyond `writer`.
#[must_use]
pub fn tail_beyond(own: &History, writer: &History) -> Tail {
    let Some((history, shared_until)) = shared(own, writer) else { return Tail::Unrelated };
    if own.offset <= shared_until {
        return Tail::None;
    }
    Tail::From { history, first: shared_until + 1, bytes: own.offset - shared_until }
}

/// The history both have gone through, and the last byte of it that both have.
fn shared(own: &History, writer: &History) -> Option<(String, u64)> {
    if own.id == writer.id {
        return Some((own.id.clone(), writer.offset));
    }
    if let Some((ancestor, first_of_own)) = own.forked_from.as_ref().filter(|(id, _)| *id == writer.id) {
        // It had to lead itself for a while, such as to serve another reader, and the old writer came back.
        return Some((ancestor.clone(), first_of_own.saturating_sub(1).min(writer.offset)));
    }
    let (ancestor, first_of_writer) = writer.forked_from.as_ref()?;
    let until = first_of_writer.saturating_sub(1);
    if *ancestor == own.id {
        return Some((own.id.clone(), until));
    }
    // Inside this region another engine had taken over before: both have forked from the same history.
    let (own_ancestor, first_of_own) = own.forked_from.as_ref()?;
    (own_ancestor == ancestor).then(|| (ancestor.clone(), until.min(first_of_own.saturating_sub(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(id: &str, offset: u64, forked_from: Option<(&str, u64)>) -> History {
        History { id: id.into(), offset, forked_from: forked_from.map(|(id, first)| (id.into(), first)) }
    }

    fn from(history: &str, first: u64, bytes: u64) -> Tail {
        Tail::From { history: history.into(), first, bytes }
    }

    #[test]
    fn an_engine_that_took_over_inside_the_region_shares_what_came_before() {
        let writer = history("new", 150, Some(("old", 101)));
        assert_eq!(tail_beyond(&history("second", 120, Some(("old", 111))), &writer), from("old", 101, 20));
        assert_eq!(tail_beyond(&history("second", 95, Some(("old", 91))), &writer), from("old", 91, 5));
        assert_eq!(tail_beyond(&history("second", 95, Some(("other", 91))), &writer), Tail::Unrelated);
    }

    #[test]
    fn an_old_writer_that_stopped_at_the_fork_has_no_tail() {
        let writer = history("new", 150, Some(("old", 101)));
        assert_eq!(tail_beyond(&history("old", 100, None), &writer), Tail::None);
        assert_eq!(tail_beyond(&history("old", 101, None), &writer), from("old", 101, 1));
        assert_eq!(tail_beyond(&history("old", 160, None), &writer), from("old", 101, 60));
    }

    #[test]
    fn a_reader_of_the_same_history_is_never_ahead_unless_it_is() {
        let writer = history("new", 150, None);
        assert_eq!(tail_beyond(&history("new", 150, None), &writer), Tail::None);
        assert_eq!(tail_beyond(&history("new", 151, None), &writer), from("new", 151, 1));
    }

    #[test]
    fn an_unknown_history_is_not_assumed_empty() {
        assert_eq!(tail_beyond(&history("other", 0, None), &history("new", 9, Some(("old", 5)))), Tail::Unrelated);
    }
}
