package state

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// filled returns a value of the type without zero values. Lists and maps have one element.
func filled(t *testing.T, v reflect.Value) {
	if v.Type() == reflect.TypeFor[Later]() {
		later := jsontext.Value(`{"later":1}`)
		v.Set(reflect.ValueOf(Later(&later)))
		return
	}
	if v.Type() == reflect.TypeFor[jsontext.Value]() {
		v.SetBytes([]byte("{}"))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled(t, v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		filled(t, key)
		filled(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				filled(t, v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Int:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a field of type %v is new: copy it in State.clone, and fill it here", v.Type())
	}
}

// addresses returns the addresses of the memory that the value refers to.
func addresses(v reflect.Value, into map[uintptr]bool) {
	if v.Type() == reflect.TypeFor[Later]() || v.Type() == reflect.TypeFor[jsontext.Value]() {
		return // never changed, so clones may share it
	}
	switch v.Kind() {
	case reflect.Pointer:
		into[v.Pointer()] = true
		addresses(v.Elem(), into)
	case reflect.Slice:
		into[v.Pointer()] = true
		addresses(v.Index(0), into)
	case reflect.Map:
		into[v.Pointer()] = true
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				addresses(v.Field(i), into)
			}
		}
	}
}

// A clone equals the original and shares no memory with it.
func TestCloneIsWholeAndApart(t *testing.T) {
	s := new(State)
	filled(t, reflect.ValueOf(s).Elem())
	for i := range s.Leases {
		s.Leases[i].Conversation = "" // the lease of a process has no conversation
	}
	*s.Conversations.All() = []Lease{{Conversation: "x", Account: "x"}}
	c := s.clone()
	assert.Equal(t, s, c)
	ours, theirs := map[uintptr]bool{}, map[uintptr]bool{}
	addresses(reflect.ValueOf(s).Elem(), ours)
	addresses(reflect.ValueOf(c).Elem(), theirs)
	require.Len(t, theirs, len(ours))
	for at := range theirs {
		assert.False(t, ours[at], "the copy shares memory with the original")
	}
	(*c.Conversations.All())[0].Account = "changed"
	assert.Equal(t, "x", (*s.Conversations.All())[0].Account)
	text, err := encode(s)
	require.NoError(t, err)
	back, err := decode(text)
	require.NoError(t, err)
	back.Conversations.All()
	assert.Equal(t, s, back, "encoding and decoding must keep everything")
}

func TestMemoryGivesCopies(t *testing.T) {
	m, ctx := new(Memory), context.Background()
	var kept *State
	require.NoError(t, m.Update(ctx, func(s *State) error {
		kept = s
		s.Accounts = []Account{{ID: "1", Label: "Work"}}
		return nil
	}))
	kept.Accounts[0].Label = "changed after Update"
	first, err := m.Read(ctx)
	require.NoError(t, err)
	assert.Equal(t, "Work", first.Accounts[0].Label)
	first.Accounts[0].Label = "and again"
	second, err := m.Read(ctx)
	require.NoError(t, err)
	assert.Equal(t, "Work", second.Accounts[0].Label)
}
