//go:build parts

// Package engine names the program that is built here: the Python language host.
package engine

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
