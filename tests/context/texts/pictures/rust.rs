use std::collections::{HashMap, HashSet as Set};
use crate::store::Store;

mod inner;

pub const MAX: u32 = 3;

#[derive(Debug)]
pub struct Account<T> {
    owner: T,
}

pub enum Kind {
    Open,
}

pub trait Named: Base {
    fn name(&self) -> String;
}

impl<T> Named for Account<T> {
    fn name(&self) -> String {
        self.owner.describe();
        helper::call(MAX_FEE);
        println!("{}", LIMIT);
        Kind::Open.text()
    }
}

macro_rules! twice {
    () => {};
}

pub async fn load(path: &Path) -> Result<Account<User>, Error> {
    Store { path }.read()
}
