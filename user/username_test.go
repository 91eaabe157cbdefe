package user

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
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
		{"a digit before another script", "1张三", "1张三"},
		{"digits before Chinese", "360用户", "360用户"},
		{"a symbol at the end", "张三_", "张三_"},
		{"digits in full width", "１２３", "123"},
		{"a name of China with a middle dot", "阿凡提·买买提", "阿凡提・买买提"},
		{"the middle dot that an input method writes", "阿凡提・买买提", "阿凡提・买买提"},
		{"the same in half width", "阿凡提･买买提", "阿凡提・买买提"},
		{"two middle dots", "卡·尔·马", "卡・尔・马"},
		{"a middle dot between two l, as Catalan has it", "col·lega", "col·lega"},
		{"final sigma", "οδυσσευς", "οδυσσευσ"},
		{"capital sigma", "ΟΔΥΣΣΕΥΣ", "οδυσσευσ"},
		{"sharp s", "Straße", "strasse"},
		{"Hebrew", "שלום", "שלום"},
		{"Arabic with a digit", "علي1", "علي1"},
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
		"a tab":                    "a\tb",
		"a line break":             "a\nb",
		"NUL":                      "a\x00",
		"a zero width space":       "a\u200bb",
		"a direction override":     "a\u202eb",
		"an emoji":                 "😀",
		"a ligature":               "\ufb01n",
		"two writing directions":   "a\u05d0",
		"a digit before Hebrew":    "1\u05d0",
		"a middle dot elsewhere":   "a·b",
		"a middle dot at the end":  "张·",
		"two middle dots in a row": "张··三",
		"white space alone":        " \u3000\t",
		"65 characters":            strings.Repeat("a", 65),
		"65 characters in Chinese": strings.Repeat("张", 65),
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			var n username
			require.ErrorIs(t, n.UnmarshalText([]byte(typed)), textUsername)
		})
	}
}

func TestWhiteSpaceAroundANameIsDropped(t *testing.T) {
	for _, typed := range []string{"Test", " Test", "Test ", "\tTest\n", "Test\u3000", "\u00a0Test"} {
		var n username
		require.NoError(t, n.UnmarshalText([]byte(typed)))
		require.Equal(t, username{typed: "Test", key: "test"}, n)
	}
}

// keyIfAny returns the key of a name, or "" if it cannot be a name.
func keyIfAny(name string) string {
	var n username
	if n.UnmarshalText([]byte(name)) != nil {
		return ""
	}
	return n.key
}

func TestAllCaseVariantsOfANameAreOneName(t *testing.T) {
	upper, lower, title, fold := cases.Upper(language.Und), cases.Lower(language.Und), cases.Title(language.Und), cases.Fold()
	orbits, names := 0, 0
	for char := rune('!'); char <= unicode.MaxRune; char++ {
		if !unicode.IsLetter(char) && !unicode.IsMark(char) && !unicode.IsNumber(char) {
			continue
		}
		if one := string(char); !unicode.IsMark(char) && upper.String(one)+lower.String(one)+fold.String(one) == one+one+one &&
			width.Widen.String(one)+width.Narrow.String(one) == one+one {
			continue // it has neither case nor width
		}
		if char == 'ı' { // a letter of its own: case folding leaves it alone, though its capital is an I
			continue
		}
		for _, frame := range []string{"", "a", "σ"} { // what stands before a character may change how it is mapped
			name := frame + string(char)
			key := keyIfAny(name)
			if key == "" {
				continue
			}
			names++
			if again := keyIfAny(key); again != "" {
				require.Equal(t, key, again, "%q: the key of a key is another key", name)
			}
			require.True(t, norm.NFC.IsNormalString(key), "%q", name)
			variants := []string{
				upper.String(name), lower.String(name), title.String(name), fold.String(name),
				norm.NFD.String(name), norm.NFD.String(upper.String(name)), width.Widen.String(name), width.Narrow.String(name),
			}
			for other := unicode.SimpleFold(char); other != char; other = unicode.SimpleFold(other) {
				orbits++
				variants = append(variants, frame+string(other))
			}
			for _, variant := range variants {
				if other := keyIfAny(variant); other != "" { // some cannot be names: ſ, for one
					require.Equal(t, key, other, "%q and %q are two names", name, variant)
				}
			}
		}
	}
	require.Greater(t, orbits, 3*2*1300)
	require.Greater(t, names, 10_000)
}

func TestTheRulesForNamesAreThoseOfTheProfileButForTheBidiRule(t *testing.T) {
	for char := rune(0); char <= unicode.MaxRune; char++ {
		for _, name := range []string{string(char), "a" + string(char), string(char) + "a", "א" + string(char)} {
			if _, err := precis.UsernameCaseMapped.String(name); err == nil {
				require.NotEmpty(t, keyIfAny(strings.Trim(name, " ")), "%q could be a name", name)
			}
		}
	}
	// What x/text's own tests say of UsernameCaseMapped, and the names that only the Bidi Rule refused.
	for name, mapped := range map[string]string{
		"juliet@example.com": "juliet@example.com", "fussball": "fussball", "fu\u00dfball": "fussball", "\u03c0": "\u03c0",
		"\u03a3": "\u03c3", "\u03c3": "\u03c3", "\u03c2": "\u03c3", "I": "i", "\u03d2": "", "\u03b0": "\u03b0", "foo bar": "", "♚": "",
		"~": "~", "!": "!", "²": "", "\u26d6": "", "\u26ff": "", "\ufb00": "", "\u1680": "", "\u01c5": "", "\u16ee": "", "\u0488": "",
		"\u212b": "å", "A\u030a": "å", "\u00c5": "å", "\u00e7": "ç", "c\u0327": "ç", "\u0158": "ř", "R\u030c": "ř", "\u1e61": "\u1e61",
		"\u0410": "\u0430", "\uff21\uff22": "ab", "\u0660": "", "٠א": "", "א1": "א1", "1א": "", "1a": "1a", "1": "1",
	} {
		require.Equal(t, mapped, keyIfAny(name), "%q", name)
	}
}
