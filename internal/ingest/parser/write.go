package parser

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/event"
)

// Line writes one JSON object of a text that is none: its fields in the order
// they are added, each name once, the first value kept. It is done with End.
type Line struct {
	Out   *Out
	from  int
	names []string
}

// Begin begins the object of a line, which is kept as event.original.
func Begin(out *Out, original []byte) *Line {
	l := lines.Get().(*Line)
	l.Out, l.from = out, len(out.Line)
	out.Line = append(out.Line, '{')
	if original != nil {
		l.Set(event.Original, original)
	}
	return l
}

var lines = sync.Pool{New: func() any { return new(Line) }}

// End ends the object.
func (l *Line) End() {
	l.Out.Line = append(l.Out.Line, '}')
	clear(l.names)
	l.Out, l.names = nil, l.names[:0]
	if cap(l.names) <= 1024 {
		lines.Put(l)
	}
}

// Set adds a field, also an empty one.
func (l *Line) Set(name string, text []byte) {
	if l.name(name) {
		l.Out.Line = AppendString(l.Out.Line, text)
	}
}

// Add adds a field unless its text is empty.
func (l *Line) Add(name, text string) {
	if text != "" && l.name(name) {
		l.Out.Line = AppendString(l.Out.Line, text)
	}
}

// Int adds a field that is a whole number, and nothing for what is none.
func (l *Line) Int(name, digits string) {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && l.name(name) {
		l.Out.Line = strconv.AppendInt(l.Out.Line, n, 10)
	}
}

// Host adds host.name and says it of the event.
func (l *Line) Host(host string) {
	if host != "" {
		l.Add(event.Host, host)
		l.Out.Host = intern(host)
	}
}

// From adds where something came from: source.ip, or source.domain when that is
// a name.
func (l *Line) From(address string) {
	switch address = strings.Trim(address, "[]"); {
	case address == "" || address == "-" || address == "UNKNOWN" || strings.ContainsRune(address, ' '):
	case isIP(address):
		l.Add(event.SourceIP, address)
	default:
		l.Add("source.domain", address)
	}
}

// Transport is the name of a protocol above IP as ECS has it, of a name or of its
// number, which firewalls write.
func Transport(text string) string {
	if name := transports[text]; name != "" {
		return name
	}
	return strings.ToLower(text)
}

var transports = map[string]string{"1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "51": "ah", "58": "ipv6-icmp", "89": "ospf", "132": "sctp"}

// Values adds a field with a text, or with a list of several.
func (l *Line) Values(name, text string, more ...string) {
	if !l.name(name) {
		return
	}
	if len(more) == 0 {
		l.Out.Line = AppendString(l.Out.Line, text)
		return
	}
	l.Out.Line = AppendString(append(l.Out.Line, '['), text)
	for _, text := range more {
		l.Out.Line = AppendString(append(l.Out.Line, ','), text)
	}
	l.Out.Line = append(l.Out.Line, ']')
}

func isIP(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func (l *Line) name(name string) bool {
	for _, n := range l.names {
		if n == name {
			return false
		}
	}
	if len(l.Out.Line) > l.from+1 {
		l.Out.Line = append(l.Out.Line, ',')
	}
	l.names = append(l.names, name)
	l.Out.Line = AppendString(l.Out.Line, name)
	l.Out.Line = append(l.Out.Line, ':')
	return true
}

// AppendString appends a text as a string of JSON. Bytes that are no UTF-8 are
// read as Windows-1252, so that they stay readable.
func AppendString[T ~string | ~[]byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := asIs(text); i < len(text); {
		c := text[i]
		switch {
		case c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf:
			i++
			continue
		case c >= utf8.RuneSelf:
			if n := runeLen(text[i:min(i+utf8.UTFMax, len(text))]); n > 0 {
				i += n
				continue
			}
			dst = append(dst, text[from:i]...)
			dst = utf8.AppendRune(dst, windows1252(c))
		default:
			dst = append(dst, text[from:i]...)
			dst = appendEscape(dst, c)
		}
		i++
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}

// A word with each of its bytes 1, and with the high bit of each.
const ones, highs = 0x0101010101010101, 0x8080808080808080

// asIs is how many bytes a text begins with, eight at a time, that stand in a string of
// JSON as they are.
func asIs[T ~string | ~[]byte](text T) int {
	for i := 0; ; i += 8 {
		if i+8 > len(text) {
			return i
		}
		t := text[i : i+8]
		w := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		quote, slash := w^'"'*ones, w^'\\'*ones
		if (w|(w-0x20*ones)&^w|(quote-ones)&^quote|(slash-ones)&^slash)&highs != 0 {
			return i
		}
	}
}

// runeLen is how many bytes the character that a text begins with has, 0 when
// they are none.
func runeLen[T ~string | ~[]byte](text T) int {
	var b [utf8.UTFMax]byte
	r, n := utf8.DecodeRune(b[:copy(b[:], text)])
	if r == utf8.RuneError && n <= 1 {
		return 0
	}
	return n
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// windows1252 are the bytes from 0x80 to 0x9f there; the others are those of
// Latin-1.
func windows1252(c byte) rune {
	const high = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"
	if c >= 0xa0 {
		return rune(c)
	}
	at := 0
	for _, r := range high {
		if at == int(c-0x80) {
			return r
		}
		at++
	}
	return utf8.RuneError
}

// look reports whether a text is clean, UTF-8 without characters that control and with
// no backslash but those of JSON's escapes, and whether it is plain, which is ASCII
// besides, without escapes by number. What is not clean is not plain.
//
// It goes through blocks of 64 bytes and through the escapes of each, by their places
// in a mask: a branch at each backslash would be guessed wrong at most of them.
func look(data []byte) (clean, plain bool) {
	ascii := true
	inside := uint64(0) // 1: the byte before opens an escape
	var kinds uint8
	for i := 0; i < len(data); i += 64 {
		var last [64]byte
		block := last[:]
		if i+64 <= len(data) {
			block = data[i : i+64 : i+64]
		} else {
			for n := copy(block, data[i:]); n < 64; n++ {
				block[n] = ' '
			}
		}
		slashes, control, beyond := blockOf(block)
		if control {
			return false, false
		}
		ascii = ascii && !beyond
		if slashes|inside == 0 {
			continue
		}
		var escaped uint64
		escaped, inside = escapedIn(slashes, inside)
		for ; escaped != 0; escaped &= escaped - 1 {
			at := bits.TrailingZeros64(escaped)
			kind := escapes[block[at]]
			kinds |= kind
			if kind == byNumber && !isEscape(data[i+at:]) {
				return false, false
			}
		}
	}
	if inside != 0 || kinds&noEscape != 0 {
		return false, false
	}
	return ascii || utf8.Valid(data), ascii && kinds&byNumber == 0
}

// blockOf returns which of 64 bytes are backslashes, and whether there are characters
// that control and bytes beyond ASCII.
func blockOf(block []byte) (slashes uint64, control, beyond bool) {
	// Of a byte of ASCII, the high bit of c+0x60 says that it does not control, and that
	// of 0x80-(c^'\\') that it is a backslash.
	all, quiet, found := uint64(0), uint64(highs), uint64(0)
	_ = block[63]
	word := func(k int) {
		w := binary.LittleEndian.Uint64(block[8*k:])
		all |= w
		quiet &= w + 0x60*ones
		found |= (highs - (w ^ '\\'*ones)) & highs >> (7 - k)
	}
	word(0)
	word(1)
	word(2)
	word(3)
	word(4)
	word(5)
	word(6)
	word(7)
	if all&highs == 0 {
		return transposed(found), quiet&highs != highs, false
	}
	for i, c := range block {
		control = control || c < ' '
		if c == '\\' {
			slashes |= 1 << i
		}
	}
	return slashes, control, true
}

// transposed has bit k of byte j at bit j of byte k (Warren, Hacker's Delight, 7-3).
func transposed(x uint64) uint64 {
	t := (x ^ x>>7) & 0x00aa00aa00aa00aa
	x ^= t ^ t<<7
	t = (x ^ x>>14) & 0x0000cccc0000cccc
	x ^= t ^ t<<14
	t = (x ^ x>>28) & 0x00000000f0f0f0f0
	return x ^ t ^ t<<28
}

// escapedIn returns which of 64 bytes follow a backslash that opens an escape, by where
// the backslashes are and whether the first byte follows one, and whether the byte after
// them does. Of a run of backslashes each second one is itself what follows one: runs
// are told apart by whether they begin at an even or an odd place (Langdale and Lemire,
// Parsing Gigabytes of JSON per Second, 2019).
func escapedIn(slashes, inside uint64) (escaped, next uint64) {
	const even = 0x5555555555555555
	slashes &^= inside
	follows := slashes<<1 | inside
	odd := slashes &^ even &^ follows // where runs begin at an odd place
	ends, next := bits.Add64(odd, slashes, 0)
	return (even ^ ends<<1) & follows, next
}

// What a character after a backslash makes of it; 0 is an escape of one character.
const (
	noEscape = 1 << iota
	byNumber // when four digits follow
)

var escapes = func() (kinds [256]uint8) {
	for c := range kinds {
		kinds[c] = noEscape
	}
	for _, c := range `"\/bfnrt` {
		kinds[c] = 0
	}
	kinds['u'] = byNumber
	return kinds
}()

// isEscape reports whether what stands after a backslash is an escape of JSON.
func isEscape(after []byte) bool {
	if len(after) == 0 || escapes[after[0]] != byNumber {
		return len(after) > 0 && escapes[after[0]] == 0
	}
	return len(after) >= 5 && isHex(after[1]) && isHex(after[2]) && isHex(after[3]) && isHex(after[4])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// cleanJSON appends JSON as one line of UTF-8: what controls is a space between
// values and an escape within them, and a backslash that is no escape is one of
// itself, as in a path that a careless sender wrote.
func cleanJSON(dst, data []byte) []byte {
	quoted := false
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c >= utf8.RuneSelf:
			if n := runeLen(data[i:min(i+utf8.UTFMax, len(data))]); n > 0 {
				dst = append(dst, data[i:i+n]...)
				i += n
				continue
			}
			dst = utf8.AppendRune(dst, windows1252(c))
		case c < ' ' && quoted:
			dst = appendEscape(dst, c)
		case c < ' ' && c != '\n' && c != '\r' && c != '\t':
			dst = append(dst, c)
		case c < ' ':
			dst = append(dst, ' ')
		case c == '\\' && quoted && isEscape(data[i+1:]):
			dst = append(dst, c, data[i+1])
			i++
		case c == '\\' && quoted:
			dst = append(dst, c, c)
		case c == '"':
			quoted = !quoted
			dst = append(dst, c)
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

// Decoded is a text without the mark that UTF-8 may begin with; of UTF-16, which
// is known by its mark, it is the same text in UTF-8.
func Decoded(data []byte) []byte {
	if len(data) >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf {
		return data[3:]
	}
	if len(data) < 2 || data[0]^data[1] != 0xff^0xfe || data[0] < 0xfe {
		return data
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 0xfe {
		order = binary.BigEndian
	}
	return utf16Text(data[2:], order)
}
