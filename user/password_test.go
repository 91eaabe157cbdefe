package user

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestPassword(t *testing.T) {
	for typed, ok := range map[string]bool{
		"test123": true, "123456": true, "12345": false, "": false, "      ": true, "密码密码密码": true, "密码密码密": false,
		"😀😀😀😀😀😀": true, "\x01\x02\x03\x04\x05\x06": true, strings.Repeat("密", 128): true, strings.Repeat("密", 129): false,
	} {
		var p password
		require.Equal(t, ok, p.UnmarshalText([]byte(typed)) == nil, "%q", typed)
		if ok {
			require.Equal(t, typed, string(p))
		}
	}
}

func TestAPasswordIsTheSameOnEveryKeyboard(t *testing.T) {
	for _, variants := range [][]string{
		{"mañana1", norm.NFD.String("mañana1")},
		{"\u1e9b\u0323 12345", norm.NFD.String("\u1e9b\u0323 12345")},
		{"각각각각각각", norm.NFD.String("각각각각각각")},
		{"correct horse", "correct\u3000horse", "correct\u00a0horse", "correct\u2003horse"},
	} {
		for _, typed := range variants {
			var p password
			require.NoError(t, p.UnmarshalText([]byte(typed)), "%q", typed)
			require.Equal(t, variants[0], string(p), "%q", typed)
		}
	}
	for _, different := range [][2]string{
		{"Password", "password"}, {"ｐａｓｓｗｏｒｄ", "password"}, {"ﬁreﬁre", "firefire"}, {"password ", "password"}, {"pass\tword", "pass word"},
	} {
		require.NotEqual(t, prepare(different[0]), prepare(different[1]))
	}
	var p password
	require.ErrorIs(t, p.UnmarshalText([]byte(norm.NFD.String("ééé"))), textPassword, "it has three characters, not six")
	require.NoError(t, p.UnmarshalText([]byte(norm.NFD.String(strings.Repeat("é", 128)))))
}
