//! What changes in a file, as `diff -u` and `patch` write and read it.

use similar::TextDiff;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The unified diff between two texts of the file `name`; empty if they are the same.
pub(crate) fn unified(name: &str, old: &str, new: &str) -> String {
    // Lines end at line feeds alone, as for `patch`: a carriage return within one is part of it.
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(&old, &new);
    diff.unified_diff().context_radius(CONTEXT).header(name, name).to_string()
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn lines_end_as_patch_sees_them() {
        assert_eq!(
            unified("f", "a\r\n# x\ry\nb", "a\r\n# x\ry\nc"),
            "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\r\n # x\ry\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("f", "a\n", "a\n"), "");
        assert_eq!(unified("f", "", "a\n"), "--- f\n+++ f\n@@ -0,0 +1 @@\n+a\n");
    }
}
