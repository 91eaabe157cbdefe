package httpapi

import "time"

// Timestamp is a time in milliseconds, as it is stored and shown: RFC 3339 in UTC with three decimals. time.Time's own
// JSON drops trailing zeros.
type Timestamp struct{ time.Time }

// TimestampOf returns the timestamp that is a number of milliseconds after 1970.
func TimestampOf(milliseconds int64) Timestamp {
	return Timestamp{time.UnixMilli(milliseconds).UTC()}
}

// Append appends the timestamp without quotes. A list has dozens, and AppendFormat takes three times as long.
func (t Timestamp) Append(dst []byte) []byte {
	year, month, day := t.UTC().Date()
	hour, minute, second := t.UTC().Clock()
	if year < 0 || year > 9999 {
		return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	dst = append(appendTwo(appendTwo(dst, year/100), year%100), '-')
	dst = append(appendTwo(dst, int(month)), '-')
	dst = append(appendTwo(dst, day), 'T')
	dst = append(appendTwo(dst, hour), ':')
	dst = append(appendTwo(dst, minute), ':')
	dst = append(appendTwo(dst, second), '.')
	milliseconds := t.Nanosecond() / 1e6
	return append(appendTwo(dst, milliseconds/10), digits[milliseconds%10], 'Z')
}

// appendTwo appends two digits. N is less than 100.
func appendTwo(dst []byte, n int) []byte { return append(dst, digits[n/10], digits[n%10]) }

const digits = "0123456789"

// MarshalJSON returns the timestamp as a JSON string.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return append(t.Append([]byte{'"'}), '"'), nil
}
