package web

import (
	"slices"
	"strconv"
)

// diffLine is a row of two columns: the old line, the new one, or both.
type diffLine struct {
	Op       string // same, add, del, mod, skip
	Old, New string
	OldN     int // from 1; 0 when there is none
	NewN     int
	Skipped  int
}

// most is the product of lengths beyond which lines are not aligned: the
// table of the longest common subsequence grows with it.
const mostCells = 4_000_000

// contextLines is how many unchanged lines stay around a change.
const contextLines = 3

// diffLines aligns two texts by their longest common subsequence; a removed
// line beside an added one is a changed line.
func diffLines(a, b []string) []diffLine {
	if len(a)*len(b) > mostCells {
		return pairUp(numbered(a, b))
	}
	return fold(pairUp(align(a, b)))
}

// numbered is the alignment that knows nothing: all old lines, then all new.
func numbered(a, b []string) []diffLine {
	var out []diffLine
	for i, s := range a {
		out = append(out, diffLine{Op: "del", Old: s, OldN: i + 1})
	}
	for i, s := range b {
		out = append(out, diffLine{Op: "add", New: s, NewN: i + 1})
	}
	return out
}

func align(a, b []string) []diffLine {
	table := make([][]int32, len(a)+1)
	for i := range table {
		table[i] = make([]int32, len(b)+1)
	}
	for i, x := range slices.Backward(a) {
		for j, y := range slices.Backward(b) {
			if x == y {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	var out []diffLine
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, diffLine{Op: "same", Old: a[i], New: b[j], OldN: i + 1, NewN: j + 1})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && table[i+1][j] >= table[i][j+1]:
			out = append(out, diffLine{Op: "del", Old: a[i], OldN: i + 1})
			i++
		default:
			out = append(out, diffLine{Op: "add", New: b[j], NewN: j + 1})
			j++
		}
	}
	return out
}

// pairUp sets a run of removed lines beside the run of added ones after it.
func pairUp(lines []diffLine) []diffLine {
	var out []diffLine
	for i := 0; i < len(lines); {
		dels := run(lines[i:], "del")
		adds := run(lines[i+dels:], "add")
		if dels == 0 && adds == 0 {
			out = append(out, lines[i])
			i++
			continue
		}
		for n := range max(dels, adds) {
			out = append(out, beside(lines, i, dels, adds, n))
		}
		i += dels + adds
	}
	return out
}

func run(lines []diffLine, op string) int {
	n := 0
	for n < len(lines) && lines[n].Op == op {
		n++
	}
	return n
}

func beside(lines []diffLine, at, dels, adds, n int) diffLine {
	var l diffLine
	if n < dels {
		l = lines[at+n]
	}
	if n < adds {
		add := lines[at+dels+n]
		l.New, l.NewN, l.Op = add.New, add.NewN, "add"
		if n < dels {
			l.Op = "mod"
		}
	}
	return l
}

// fold leaves out unchanged lines far from any change.
func fold(lines []diffLine) []diffLine {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l.Op == "same" {
			continue
		}
		for j := max(0, i-contextLines); j <= min(len(lines)-1, i+contextLines); j++ {
			near[j] = true
		}
	}
	var out []diffLine
	skipped := 0
	for i, l := range lines {
		if !near[i] {
			skipped++
			continue
		}
		if skipped > 0 {
			out = append(out, diffLine{Op: "skip", Skipped: skipped})
			skipped = 0
		}
		out = append(out, l)
	}
	if skipped > 0 && len(out) > 0 {
		out = append(out, diffLine{Op: "skip", Skipped: skipped})
	}
	return out
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
