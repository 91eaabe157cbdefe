package user

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

const erasedAnswer = `{"code":0,"msg":"注销成功","data":{}}`

func TestAnErasedAccountLeavesItsNumberAlone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{Throttle: usual})
		token := s.login("test").Token
		phone := s.login("test")
		for range 6 {
			try(s.engine, "test", "guess-1")
		}
		s.says(erasedAnswer, "DELETE /user/account", token, `{"password":"test123"}`) // from where the owner is known
		s.says(unauthorized, "GET /user/info", token, "")
		require.Equal(t, 401, s.refresh(phone.RefreshToken).Code)
		for table, column := range map[string]string{
			"users": "id", "sessions": "user_id", "login_addresses": "user_id", "password_resets": "user_id",
		} {
			var rows int
			require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM "+table+" WHERE "+column+" = 1").Scan(&rows))
			require.Zero(t, rows, table)
		}
		require.Zero(t, failureRows(t, db))
		list, err := events.Page(t.Context(), db, 1, 0, 1000)
		require.NoError(t, err)
		require.Equal(t, "user.erased", list[len(list)-1].Type)
		for _, e := range list {
			require.Empty(t, e.Address, e.Type)
		}
		require.JSONEq(t, `{"code":0,"msg":"注册成功","data":{"userid":"3"}}`, register(s.engine, "TEST").Body.String(), "the name is free")
	})
}

// Its password was being checked when the account went.
func TestAFailureThatComesAfterTheErasureLeavesNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{Throttle: usual})
		late := attemptOn(t, "test")
		late.account, late.client.address = 1, "203.0.113.77"
		s.says(erasedAnswer, "DELETE /user/account", s.login("test").Token, `{"password":"test123"}`)
		require.ErrorIs(t, s.module.throttle.wrong(t.Context(), late), errCredentials)
		list, err := events.Page(t.Context(), db, 1, 0, 1000)
		require.NoError(t, err)
		require.Equal(t, "user.erased", list[len(list)-1].Type)
	})
}

// A stranger's failures, or staff's doings, are events of another account: what is personal in them goes with the person.
func TestTheAddressesOfAnErasedPersonGoFromTheEventsOfOthers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		_, err := db.Exec(t.Context(), "UPDATE users SET role = 'staff'")
		require.NoError(t, err)
		insertCheaply(t, s.store(), "third", "test123")
		token := s.login("test").Token
		require.Equal(t, 200, s.ask("POST /user/update/3", token, `{"disabled":true}`).Code)
		s.says(erasedAnswer, "DELETE /user/account", token, `{"password":"test123"}`)
		list, err := events.Page(t.Context(), db, 3, 0, 10)
		require.NoError(t, err)
		require.Equal(t, "user.disabled", list[1].Type)
		require.EqualValues(t, 1, list[1].Actor)
		require.Empty(t, list[1].Address)
	})
}

func TestTheLastStaffCannotEraseItself(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		boss := s.login("boss").Token
		s.says(`{"code":1,"msg":"至少保留一个管理员","data":{}}`, "DELETE /user/account", boss, `{"password":"test123"}`)
		require.Equal(t, 200, s.ask("POST /user/update/1", boss, `{"role":"staff"}`).Code)
		tokens := []string{boss, s.login("test").Token}
		answers := make([]string, 2)
		var group sync.WaitGroup
		for i, token := range tokens { // both at once
			group.Go(func() { answers[i] = s.ask("DELETE /user/account", token, `{"password":"test123"}`).Body.String() })
		}
		group.Wait()
		require.ElementsMatch(t, []string{erasedAnswer + "\n", `{"code":1,"msg":"至少保留一个管理员","data":{}}` + "\n"}, answers)
	})
}

func TestAnExportIsAllThatIsKept(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		require.Equal(t, 200, s.ask("POST /user/update/1", s.login("boss").Token, `{"disabled":false}`).Code)
		token := s.login("test").Token
		try(s.engine, "test", "guess-1")
		var answer struct {
			Code int
			Data struct {
				Account  map[string]any
				Sessions []map[string]any
				Events   []map[string]any
			}
		}
		body := s.ask("GET /user/export", token, "").Body.Bytes()
		require.NoError(t, json.Unmarshal(body, &answer))
		require.Zero(t, answer.Code)
		require.Equal(t, []any{"1", "test", "test@test.com", "customer", false}, []any{
			answer.Data.Account["userid"], answer.Data.Account["username"], answer.Data.Account["email"],
			answer.Data.Account["role"], answer.Data.Account["disabled"],
		})
		require.Len(t, answer.Data.Sessions, 1)
		require.Equal(t, true, answer.Data.Sessions[0]["current"])
		require.Len(t, answer.Data.Events, 3)
		require.Equal(t, map[string]any{
			"id": answer.Data.Events[2]["id"], "type": "user.login_failed", "address": "192.0.2.1", "at": "2026-11-24T12:00:00.000Z",
		}, answer.Data.Events[2])
		require.NotContains(t, string(body), "argon2id")
	})
}

func TestAnExportDoesNotShowWhereStaffWas(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		boss := s.login("boss").Token
		for _, body := range []string{`{"disabled":true}`, `{"disabled":false}`} {
			require.Equal(t, 200, s.ask("POST /user/update/1", boss, body).Code)
		}
		w := s.from("198.51.100.7", "POST /user/login", `{"username":"test","password":"test123"}`)
		body := s.ask("GET /user/export", s.granted(w).Token, "").Body.String()
		require.Contains(t, body, `"type":"user.enabled","userid":"2","at":`)
		require.Contains(t, body, "198.51.100.7")
		require.NotContains(t, body, "192.0.2.1")
	})
}

func TestAnExportHasEveryEventHoweverManyThereAre(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		token := s.login("test").Token
		require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
			for range 2500 {
				if err := events.Append(tx, client{}.did(eventLoggedIn, 1, time.UnixMilli(s.clock.Load()))); err != nil {
					return err
				}
			}
			return nil
		}))
		require.Equal(t, 2502, bytes.Count(s.ask("GET /user/export", token, "").Body.Bytes(), []byte(`"type":"user.`)))
	})
}

func TestEventsAreKeptFor90Days(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		_, err := db.Exec(t.Context(), "UPDATE user_events SET at = $1", s.clock.Load())
		require.NoError(t, err)
		sweep := jobOf(t, s.module, "user_events").Do
		s.advance(90 * 24 * time.Hour)
		s.login("test")
		_, err = sweep(t.Context())
		require.NoError(t, err)
		require.Len(t, s.eventsOf(1), 2)
		s.advance(time.Millisecond)
		_, err = sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"logged_in"}, s.eventsOf(1))
	})
}

func TestNothingOfAnErasedPersonIsLeftInTheFileOrABackup(t *testing.T) {
	url := databasetest.SQLite(t)
	db, err := database.Open(t.Context(), url, database.Options{})
	require.NoError(t, err)
	s := shopOn(t, db, Config{})
	require.Contains(t, s.ask("POST /user/register", "",
		`{"username":"Zerberus","password":"test123","email":"zerberus@erased.example"}`).Body.String(), `"code":0`)
	w := s.from("203.0.113.77", "POST /user/login", `{"username":"zerberus","password":"test123"}`)
	token := s.granted(w).Token
	s.says(erasedAnswer, "DELETE /user/account", token, `{"password":"test123"}`)
	path := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, database.Backup(t.Context(), url, path))
	require.NoError(t, db.Close()) // which moves the log into the file
	for _, file := range []string{path, url[len("sqlite:"):]} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, personal := range []string{"Zerberus", "zerberus", "erased.example", "203.0.113.77"} {
			require.False(t, bytes.Contains(text, []byte(personal)), "%s is in %s", personal, file)
		}
	}
}
