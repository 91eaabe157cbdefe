package httpapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// texts are strings that an encoder treats in different ways.
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
