package correlate

// deque is a queue in a ring: what comes goes to the back, what is old leaves
// at the front, both in constant time.
type deque[T any] struct {
	buf  []T // its length is a power of two
	head int
	n    int
}

func (d *deque[T]) len() int { return d.n }

// at returns the i-th element from the front, to be read or changed.
func (d *deque[T]) at(i int) *T { return &d.buf[(d.head+i)&(len(d.buf)-1)] }

func (d *deque[T]) front() *T { return d.at(0) }

func (d *deque[T]) back() *T { return d.at(d.n - 1) }

func (d *deque[T]) push(x T) {
	if d.n == len(d.buf) {
		d.grow()
	}
	d.n++
	*d.back() = x
}

// pop drops the front and what it held on to.
func (d *deque[T]) pop() {
	var none T
	*d.front() = none
	d.head = (d.head + 1) & (len(d.buf) - 1)
	d.n--
}

func (d *deque[T]) grow() {
	buf := make([]T, max(2, 2*len(d.buf)))
	for i := range d.n {
		buf[i] = *d.at(i)
	}
	d.buf, d.head = buf, 0
}
