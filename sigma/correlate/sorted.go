package correlate

import "slices"

// rowSize is the most numbers a row of sorted holds: small enough to shift one
// quickly, large enough that a hundred thousand numbers are some hundred rows.
const rowSize = 512

// sorted holds numbers in order, with repeats. Putting one in and taking one
// out shifts a part of one row; finding the k-th steps over the rows.
type sorted struct {
	rows [][]float64 // none is empty
	n    int
}

// row returns the first row that reaches up to x, or the last.
func (s *sorted) row(x float64) int {
	i, _ := slices.BinarySearchFunc(s.rows, x, func(row []float64, x float64) int {
		if row[len(row)-1] < x {
			return -1
		}
		return 1
	})
	return min(i, len(s.rows)-1)
}

func (s *sorted) put(x float64) {
	s.n++
	if len(s.rows) == 0 {
		s.rows = [][]float64{{x}}
		return
	}
	i := s.row(x)
	at, _ := slices.BinarySearch(s.rows[i], x)
	s.rows[i] = slices.Insert(s.rows[i], at, x)
	if row := s.rows[i]; len(row) > rowSize {
		s.rows[i] = row[: rowSize/2 : rowSize/2]
		s.rows = slices.Insert(s.rows, i+1, slices.Clone(row[rowSize/2:]))
	}
}

// take removes one x, which is there.
func (s *sorted) take(x float64) {
	s.n--
	i := s.row(x)
	at, _ := slices.BinarySearch(s.rows[i], x)
	s.rows[i] = slices.Delete(s.rows[i], at, at+1)
	if len(s.rows[i]) == 0 {
		s.rows = slices.Delete(s.rows, i, i+1)
	}
}

// at returns the k-th number, from 0.
func (s *sorted) at(k int) float64 {
	for _, row := range s.rows {
		if k < len(row) {
			return row[k]
		}
		k -= len(row)
	}
	panic("correlate: no number of this rank")
}

// percentile returns the p-th percentile, p from 0 to 100, of at least one
// number. The definition is in the documentation of the package.
func (s *sorted) percentile(p float64) float64 {
	h := float64(s.n-1) * p / 100
	below := min(int(h), s.n-1)
	part := h - float64(below)
	if part == 0 {
		return s.at(below)
	}
	return s.at(below)*(1-part) + s.at(below+1)*part
}
