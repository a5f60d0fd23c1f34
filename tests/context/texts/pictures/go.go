package main

import (
	"fmt"
	store "example.org/a/store"
)

const Max, Min = 3, 4

var global = newThing()

type Server struct {
	Addr string
	h    Handler
}

type Doer interface {
	Do(ctx Context) error
}

type ID = string

// Run runs.
func (s *Server) Run(amount int) (err error) {
	local := 1
	fmt.Println(s.Addr, local)
	return helper(amount, &Config{Name: DefaultName})
}

func Gen[T any](x T) T {
	return x
}
