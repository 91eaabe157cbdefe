package httpapi

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// texts are strings of which each asks for something else of an encoder.
var texts = []string{
	"", "product1", "查询成功", `a "b" \ c`, "<a href='x'>&</a>", "tab\tnewline\nnul\x00\x1f\x7f", "\u2028\u2029", "😀", "\xff broken",
	"half \xe4\xb8", "\ufffd",
}

func TestAppendStringWritesWhatEncodingJSONReads(t *testing.T) {
	for _, text := range texts {
		want, err := marshal(text)
		require.NoError(t, err)
		require.Equal(t, string(want), string(AppendString(nil, text)), "%q", text)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := marshal(text)
		require.NoError(t, err)
		require.Equal(t, string(want), string(AppendString(nil, text)))
	})
}

func TestAnEnvelopeIsWhatEncodingJSONMakesOfIt(t *testing.T) {
	for _, data := range []any{Empty{}, map[string]any{"token": "a<b", "n": 1.5}, quoted("x")} {
		body, err := appendEnvelope(nil, 0, "成功", data)
		require.NoError(t, err)
		var got struct {
			Code *int
			Msg  string
			Data json.RawMessage
		}
		require.NoError(t, json.Unmarshal(body, &got))
		require.Zero(t, *got.Code)
		require.Equal(t, "成功", got.Msg)
		want, err := marshal(data)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got.Data))
	}
	_, err := appendEnvelope(nil, 0, "", make(chan int))
	require.Error(t, err)
}

// quoted is an Appender that encoding/json would write in the same way.
type quoted string

func (q quoted) AppendJSON(dst []byte) []byte { return AppendString(dst, string(q)) }
