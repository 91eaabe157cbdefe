package httpapi

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnEnvelopeHoldsItsDataAsEncodingJSONWritesIt(t *testing.T) {
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

// quoted is an appender with the output of encoding/json.
type quoted string

func (q quoted) AppendJSON(dst []byte) []byte { return AppendString(dst, string(q)) }
