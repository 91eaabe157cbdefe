package user

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"userorder/database"
	"userorder/database/databasetest"
)

const (
	loggedIn = "登录成功"
	refused  = "用户名或密码错误"
)

func TestALoginWorksOnEveryKeyboard(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		hash, err := module.hasher.hash(t.Context(), alice, "mañana1")
		require.NoError(t, err)
		name := username{typed: "Οδυσσεύς", key: keyIfAny("Οδυσσεύς")}
		_, err = module.handler.service.store.insert(t.Context(), name, "a@b.com", hash, client{}, module.throttle.now())
		require.NoError(t, err)
		for _, typed := range []string{"Οδυσσεύς", "ΟΔΥΣΣΕΎΣ", "οδυσσεύσ", " Οδυσσεύς ", norm.NFD.String("οδυσσεύς")} {
			for _, plain := range []string{"mañana1", norm.NFD.String("mañana1")} {
				require.Contains(t, try(handler, typed, plain).Body.String(), loggedIn, "%q %q", typed, plain)
			}
		}
		require.Contains(t, try(handler, "Οδυσσεύς", "manana1").Body.String(), refused)
		require.Contains(t, register(handler, "ΟΔΥΣΣΕΎΣ").Body.String(), "用户名已存在")
	})
}

func TestAHashOfAPasswordAsItWasTypedStillVerifiesAndIsReplaced(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		store := module.handler.service.store
		composed := "mañana\u30001"
		typed := norm.NFD.String(composed)
		short := norm.NFD.String("ééé") // six code points then, three now
		for name, plain := range map[string]string{"long": typed, "short": short} {
			hash, err := module.hasher.hash(t.Context(), alice, plain)
			require.NoError(t, err)
			_, err = store.insert(t.Context(), username{typed: name, key: name}, "a@b.com", hash, client{}, module.throttle.now())
			require.NoError(t, err)
		}
		require.Contains(t, try(handler, "long", composed).Body.String(), refused, "the hash is not of this one yet")
		require.Contains(t, try(handler, "long", typed).Body.String(), loggedIn)
		stored, err := store.credentials(t.Context(), username{typed: "long", key: "long"})
		require.NoError(t, err)
		ok, outdated, err := module.hasher.verify(t.Context(), alice, "mañana 1", stored.hash)
		require.NoError(t, err)
		require.True(t, ok, "the hash was not replaced")
		require.False(t, outdated)
		require.Contains(t, try(handler, "long", composed).Body.String(), loggedIn)
		for range 2 {
			require.Contains(t, try(handler, "short", short).Body.String(), loggedIn)
		}
	})
}

func TestAnAccountWhoseNameBelongsToAnOlderOneLogsInByItsExactSpelling(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		store := module.handler.service.store
		for _, account := range []struct{ typed, key, plain string }{
			{"ΟΔΥΣΣΕΥΣ", "οδυσσευσ", "password of the older"},
			{"οδυσσευς", username{typed: "οδυσσευς"}.exactKey(), "password of the newer"},
		} {
			hash, err := module.hasher.hash(t.Context(), alice, account.plain)
			require.NoError(t, err)
			_, err = store.insert(t.Context(), username{typed: account.typed, key: account.key}, "a@b.com", hash, client{}, module.throttle.now())
			require.NoError(t, err)
		}
		for _, typed := range []string{"ΟΔΥΣΣΕΥΣ", "οδυσσευσ", "Οδυσσευς"} {
			require.Contains(t, try(handler, typed, "password of the older").Body.String(), `"userid":"1"`, typed)
			require.Contains(t, try(handler, typed, "password of the newer").Body.String(), refused, typed)
		}
		require.Contains(t, try(handler, "οδυσσευς", "password of the newer").Body.String(), `"userid":"2"`)
		require.Contains(t, try(handler, "οδυσσευς", "password of the older").Body.String(), refused)
		require.Contains(t, register(handler, "οδυσσευς").Body.String(), "用户名已存在")
	})
}

func TestAnAccountThatAnEarlierReleaseRegisteredMeanwhileIsFoundAndGetsItsKey(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		store := module.handler.service.store
		hash, err := module.hasher.hash(t.Context(), alice, "test123")
		require.NoError(t, err)
		var name username
		require.NoError(t, name.UnmarshalText([]byte("οδυσσευς")))
		require.Equal(t, "οδυσσευς", name.earlierKey())
		_, err = store.insert(t.Context(), username{typed: "οδυσσευς", key: name.earlierKey()}, "a@b.com", hash, client{}, module.throttle.now())
		require.NoError(t, err)
		require.Contains(t, register(handler, "οδυσσευς").Body.String(), "用户名已存在")
		require.Contains(t, try(handler, "οδυσσευς", "wrong-one").Body.String(), refused)
		require.Contains(t, try(handler, "οδυσσευς", "test123").Body.String(), loggedIn)
		require.Contains(t, try(handler, "ΟΔΥΣΣΕΥΣ", "test123").Body.String(), loggedIn, "its key is still the earlier one")
		require.Contains(t, register(handler, "ΟΔΥΣΣΕΥΣ").Body.String(), "用户名已存在")
	})
}
