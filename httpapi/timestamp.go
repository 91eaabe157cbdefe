package httpapi

import "time"

// Timestamp is a time in milliseconds, as it is stored and shown: RFC 3339 in UTC with three decimals. time.Time's own
// JSON drops trailing zeros.
type Timestamp struct{ time.Time }

// TimestampOf returns the timestamp that is a number of milliseconds after 1970.
func TimestampOf(milliseconds int64) Timestamp {
	return Timestamp{time.UnixMilli(milliseconds).UTC()}
}

// Append appends the timestamp without quotes.
func (t Timestamp) Append(dst []byte) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// MarshalJSON returns the timestamp as a JSON string.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return append(t.Append([]byte{'"'}), '"'), nil
}
