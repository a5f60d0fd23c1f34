#!/bin/bash
source ./lib.sh
. other.sh

LIMIT=3
export NAME=bank

function pay() {
  local value=1
  charge "$LIMIT" "${MAX_FEE}"
}

load() {
  pay a b
}

load
