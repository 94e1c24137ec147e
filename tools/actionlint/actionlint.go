//go:build parts

// Package actionlint names the program that is built here.
package actionlint

import _ "github.com/rhysd/actionlint/cmd/actionlint"
