package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
	"golang.org/x/crypto/bcrypt"
)

// The orders, their owners and the password are those of packages seed and work of the benchmark. Users after the first
// 100 own the orders that are listed.
const (
	orders   = 1000
	third    = 3
	few      = 100
	listed   = 20
	password = "a password"
)

// seed creates the collections, users and orders, and writes the tokens of all users.
func seed(app *pocketbase.PocketBase, out io.Writer) error {
	if err := app.Bootstrap(); err != nil {
		return err
	}
	if err := app.RunAllMigrations(); err != nil {
		return err
	}
	var tokens []string
	err := app.RunInTransaction(func(tx core.App) (err error) {
		if err := createOrders(tx); err != nil {
			return err
		}
		if tokens, err = addUsers(tx); err != nil {
			return err
		}
		return addOrders(tx)
	})
	if err := errors.Join(err, app.ResetBootstrapState()); err != nil { // closes the files
		return err
	}
	return json.NewEncoder(out).Encode(tokens)
}

// createOrders creates the collection of orders, which their owners may read and create.
func createOrders(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	owner := types.Pointer("@request.auth.id = user")
	c := core.NewBaseCollection("orders")
	c.ListRule, c.ViewRule, c.CreateRule = owner, owner, owner
	c.Fields.Add(
		&core.RelationField{Name: "user", Required: true, MaxSelect: 1, CollectionId: users.Id},
		&core.TextField{Name: "product", Required: true},
		&core.NumberField{Name: "price", Required: true},
		&core.TextField{Name: "status", Required: true},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	c.AddIndex("orders_user_created", false, "user, created", "")
	return tx.Save(c)
}

// addUsers adds the users, who all have the same hash, and a superuser, without whom PocketBase would open a browser.
func addUsers(tx core.App) (tokens []string, err error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return nil, err
	}
	if err := addAccount(tx, core.CollectionNameSuperusers, 0, hash, nil); err != nil {
		return nil, err
	}
	for user := 1; user <= few+listed; user++ {
		err := addAccount(tx, "users", user, hash, func(record *core.Record) error {
			token, err := record.NewAuthToken()
			tokens = append(tokens, token)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// addAccount adds an account to a collection. Added may be nil.
func addAccount(tx core.App, collection string, number int, hash []byte, added func(*core.Record) error) error {
	c, err := tx.FindCollectionByNameOrId(collection)
	if err != nil {
		return err
	}
	record := core.NewRecord(c)
	record.Id = id(number)
	record.SetEmail(fmt.Sprintf("user%d@example.com", number))
	record.SetRaw(core.FieldNamePassword, &core.PasswordFieldValue{Hash: string(hash)})
	if err := tx.Save(record); err != nil {
		return fmt.Errorf("add account %d of %s: %w", number, collection, err)
	}
	if added == nil {
		return nil
	}
	return added(record)
}

func addOrders(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("orders")
	if err != nil {
		return err
	}
	for order := 1; order <= orders; order++ {
		user := 1 + order%few
		if order%third != 0 {
			user = few + 1 + order%listed
		}
		record := core.NewRecord(c)
		record.Id = id(order)
		record.Load(map[string]any{"user": id(user), "product": "product1", "price": 100, "status": "created"})
		if err := tx.Save(record); err != nil {
			return fmt.Errorf("add order %d: %w", order, err)
		}
	}
	return nil
}

// id returns an id of the length that PocketBase's have.
func id(number int) string { return fmt.Sprintf("%015d", number) }
