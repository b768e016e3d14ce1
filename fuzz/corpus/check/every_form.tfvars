# Every form of the language, for comparison with other readers.
text      = "plain"
escapes   = "tab\t quote\" backslash\\ newline\n \u00e9 \U0001F600 $${x} %%{y} 100%"
empty     = ""
yes       = true
no        = false
nothing   = null
integer   = 42
negative  = -7
fraction  = 3.25
exponent  = 1.5e3
list      = ["a", 2, true, null, ["nested"], { in = "list" },]
long_list = [
  "one", # first
  "two"
  , "three",
]
empty_list   = []
empty_object = {}
object = {
  equals    = 1
  colon     : 2, "quoted key" = 3
  "with.dot" = 4
  dash-ed   = 5
  nested = { deep = { deeper = ["x"] } }
}
heredoc = <<EOT
first line
  second, with "quotes" and a \ backslash
EOT
flush = <<-EOT
    four
      six

  two
  EOT
in_list = [<<ONE
1
ONE
  , 2]
// the end
