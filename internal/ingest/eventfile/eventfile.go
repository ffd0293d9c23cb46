// Package eventfile reads events from files: lines of JSON, JSON arrays and
// objects on many lines, Windows event logs (EVTX), each also packed with gzip
// or zstd.
package eventfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// MaxEvent is how many bytes one event may have.
const MaxEvent = 16 << 20

// buffer is how much of a file is read at once: most files of examples are smaller.
const buffer = 64 << 10

// maxPacked is how often a file may be packed in itself.
const maxPacked = 3

// Event is one event of a file.
type Event struct {
	Line int    // where it begins, from 1; of an EVTX file its number there
	JSON []byte // one object, valid until the next event
}

// Problem is a place in a file that holds no event.
type Problem struct {
	Line int
	Why  string
}

// ErrPacked is a file that is packed in itself too often.
var ErrPacked = errors.New("it is packed too many times in itself")

// ErrCutOff is a packed file that lacks its end. What came before is read.
var ErrCutOff = errors.New("it is packed, and its end is missing")

// Read calls event with each event of a file, in order, and bad with each place
// that holds none; what follows is read on. An error of event ends it and is
// returned. Read does not look into an object: whether a line in braces is JSON
// is for event to find.
func Read(r io.Reader, event func(Event) error, bad func(Problem)) (err error) {
	packed := false
	defer func() {
		if packed && errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrCutOff
		}
	}()
	in := bufio.NewReaderSize(r, buffer)
	for range maxPacked + 1 {
		head, _ := in.Peek(8)
		switch {
		case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
			packed = true
			z, err := gzip.NewReader(in)
			if err != nil {
				return fmt.Errorf("it is not gzip: %w", err)
			}
			in = bufio.NewReaderSize(z, buffer)
		case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
			packed = true
			z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(1<<30))
			if err != nil {
				return fmt.Errorf("it is not zstd: %w", err)
			}
			defer z.Close()
			in = bufio.NewReaderSize(z, buffer)
		case bytes.Equal(head, []byte("ElfFile\x00")):
			return readEVTX(in, event, bad)
		case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
			return readJSON(bufio.NewReaderSize(transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()), buffer), event, bad)
		default:
			if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
				in.Discard(3)
			}
			return readJSON(in, event, bad)
		}
	}
	return ErrPacked
}
