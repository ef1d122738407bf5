# C sources without their comments, as FILE:LINE:CODE. String and character constants stay as they are.
FNR == 1 { inside = 0 }
{
  line = $0
  code = ""
  while (line != "") {
    if (inside) {
      end = index(line, "*/")
      if (!end) break
      line = substr(line, end + 2)
      inside = 0
      continue
    }
    if (!match(line, /"|'|\/\*|\/\//)) { code = code line; break }
    opening = substr(line, RSTART, 1)
    if (opening == "/") {
      code = code substr(line, 1, RSTART - 1)
      if (substr(line, RSTART + 1, 1) == "/") break
      inside = 1
      line = substr(line, RSTART + 2)
      continue
    }
    code = code substr(line, 1, RSTART)
    line = substr(line, RSTART + 1)
    closing = opening == "\"" ? "^([^\"\\\\]|\\\\.)*\"" : "^([^'\\\\]|\\\\.)*'"
    if (!match(line, closing)) { code = code line; break }
    code = code substr(line, 1, RLENGTH)
    line = substr(line, RLENGTH + 1)
  }
  if (code ~ /[^ \t]/) print FILENAME ":" FNR ":" code
}
