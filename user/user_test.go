package user

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsername(t *testing.T) {
	for _, test := range []struct{ name, typed, key string }{
		{"letters and digits", "test1", "test1"},
		{"upper case is kept but makes no other key", "Test", "test"},
		{"full width is kept but makes no other key", "ｔｅｓｔ", "test"},
		{"Chinese", "张三丰", "张三丰"},
		{"other scripts", "Жанна", "жанна"},
		{"a letter and a combining accent are composed", "Jose\u0301", "jos\u00e9"},
		{"common symbols", "a.b-c_d@e+f", "a.b-c_d@e+f"},
		{"one character", "a", "a"},
		{"64 characters of three bytes", strings.Repeat("张", 64), strings.Repeat("张", 64)},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n username
			require.NoError(t, n.UnmarshalText([]byte(test.typed)))
			require.Equal(t, username{typed: test.typed, key: test.key}, n)
			var again username
			require.NoError(t, again.UnmarshalText([]byte(n.key)))
			require.Equal(t, n.key, again.key, "the key of a key is another key")
		})
	}
	for name, typed := range map[string]string{
		"nothing":                  "",
		"a space inside":           "a b",
		"a space around":           " a",
		"a tab":                    "a\tb",
		"a line break":             "a\nb",
		"NUL":                      "a\x00",
		"a zero width space":       "a\u200bb",
		"a direction override":     "a\u202eb",
		"an emoji":                 "😀",
		"a ligature":               "\ufb01n",
		"two writing directions":   "a\u05d0",
		"65 characters":            strings.Repeat("a", 65),
		"65 characters in Chinese": strings.Repeat("张", 65),
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			var n username
			require.ErrorIs(t, n.UnmarshalText([]byte(typed)), textUsername)
		})
	}
}

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

func TestEmail(t *testing.T) {
	for typed, ok := range map[string]bool{
		"test@test.com": true, "a@b.co": true, "first.last+tag@sub.example.org": true, "A@B.CO": true, "张三@例子.中国": true,
		strings.Repeat("a", 64) + "@b.co": true, strings.Repeat("a", 65) + "@b.co": false,
		"a@" + strings.Repeat("b.", 124) + "com": true, "a@" + strings.Repeat("b.", 125) + "com": false, // 253 and 255 bytes
		"": false, "a": false, "@": false, "a@": false, "@b.co": false, "a@b@c.co": false, "a b@c.co": false, " a@b.co": false,
		"a@b.co ": false, "a@b..co": false, ".a@b.co": false, "a.@b.co": false, "Bob <a@b.co>": false, "<a@b.co>": false,
		"a@b.co, c@d.co": false, `"a b"@c.co`: false, `"a"@c.co`: false, "a(comment)@b.co": false, "a@b.co\r\nBcc: c@d.co": false,
		"a@b.co\n": false, "a@[127.0.0.1]": false, "a@b_c.co": false, "a\x00@b.co": false,
	} {
		var e email
		require.Equal(t, ok, e.UnmarshalText([]byte(typed)) == nil, "%q", typed)
		if ok {
			require.Equal(t, typed, string(e))
		}
	}
}
