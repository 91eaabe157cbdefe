package user

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmail(t *testing.T) {
	for typed, ok := range map[string]bool{
		"test@test.com": true, "a@b.co": true, "first.last+tag@sub.example.org": true, "A@B.CO": true, "张三@例子.中国": true,
		strings.Repeat("a", 64) + "@b.co": true, strings.Repeat("a", 65) + "@b.co": false,
		"a@" + strings.Repeat("b.", 124) + "com": true, "a@" + strings.Repeat("b.", 125) + "com": false, // 253 and 255 bytes
		"": false, "a": false, "@": false, "a@": false, "@b.co": false, "a@b@c.co": false, "a b@c.co": false, " a@b.co": false,
		"a@b.co ": false, "a@b..co": false, ".a@b.co": false, "a.@b.co": false, "Bob <a@b.co>": false, "<a@b.co>": false,
		"a@b.co, c@d.co": false, `"a b"@c.co`: false, `"a"@c.co`: false, "a(comment)@b.co": false, "a@b.co\r\nBcc: c@d.co": false,
		"a@b.co\n": false, "a@[127.0.0.1]": false, "a@b_c.co": false, "a\x00@b.co": false,
		"a@b.com\u3000": false, "a@b\u200b.com": false, "a\u200b@b.com": false, "a\u00a0b@c.com": false, "a\u2028b@c.com": false,
		"a\u202e@b.com": false, "a\ufeff@b.com": false, "a\u00ad@b.com": false, "a\u3164@b.com": false, "a\ufe0f@b.com": false,
		"a\u0085@b.com": false, "a@\u3000b.com": false, "a@" + strings.Repeat("b", 63) + ".com": true,
		"a@" + strings.Repeat("b", 64) + ".com": false, "a@" + strings.Repeat("例", 20) + ".com": true,
		"a@" + strings.Repeat("例", 60) + ".com": false, "a@-b.com": false, "a@b-.com": false, "a@b.com.": false, "a@xn--.com": false,
		"a@xn--fsq.com": true, "a@xn--a.com": false, "a@\u0301b.com": false, "a@bücher.example": true, "a@1.2.3.4": false,
		"a@ab--cd.com": true, "a@a.r3---sn.com": true, "a@ab--.com": false, "a@--ab.com": false, "a@-ü.com": false, "a@ü-.com": false,
		"a@xn----eha.com": false, "a@b-.x.com": false, "a@b。com": true, "a@b．com": true, "a@b｡com": true, "a。@b.com": true,
		"a@b。": false, "a@。com": false, "a@b。。com": false, "a@sub。b．com": true, "a@b_c。co": false,
		"a\u2800@b.com": false, "a\u303f@b.com": false, "a\u115f@b.com": false, "a\u1160@b.com": false, "a\uffa0@b.com": false,
		"a\u17b4@b.com": false, "a\u034f@b.com": false, "a\U0001d159@b.com": false, "a\u180e@b.com": false, "a\u1680@b.com": false,
		"a\ufffc@b.com": false, "a@b\u2800.com": false,
	} {
		var e email
		require.Equal(t, ok, e.UnmarshalText([]byte(typed)) == nil, "%q", typed)
		if ok {
			require.Equal(t, typed, string(e))
		}
	}
}
