package httpapi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

func TestParseID(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "42": 42, "9223372036854775807": 1<<63 - 1,
		"0": 0, "": 0, "-1": 0, "+1": 0, "01": 0, " 1": 0, "1 ": 0, "1.0": 0, "1e0": 0, "0x1": 0, "1_0": 0,
		"9223372036854775808": 0, "٣": 0, "1\x00": 0, "99999999999999999999": 0,
	} {
		got, ok := httpapi.ParseID(text)
		require.Equal(t, want != 0, ok, "%q", text)
		if ok {
			require.Equal(t, want, got)
		}
	}
}

func TestAnIDInABody(t *testing.T) {
	for text, ok := range map[string]bool{
		`1`: true, `"1"`: true, `"\u0031"`: true, `9223372036854775807`: true,
		`0`: false, `"0"`: false, `1.0`: false, `"1.0"`: false, `1e0`: false, `"01"`: false, `-1`: false, `true`: false,
		`""`: false, `[1]`: false, `9223372036854775808`: false, `" 1"`: false,
	} {
		var id httpapi.ID
		require.Equal(t, ok, json.Unmarshal([]byte(text), &id) == nil, text)
	}
}
