import { Store, open as opened } from "./store";
import Client from "client";
export * from "./shapes";

export const LIMIT = 3;

export interface Shape extends Base {
  area(): number;
}

export type Id = string | Other;

export enum Color {
  Red,
}

@decorated
export abstract class Circle<T> extends Round implements Shape {
  private radius: Radius = 1;

  constructor(radius: number) {
    super(radius);
  }

  area(): number {
    const local = 1;
    return Math.PI * helper(this.radius, MAX_FEE);
  }

  static make = () => new Circle(1);
}

export const add = (a: number): number => {
  return sum(a);
};

declare function external(a: string): void;
const fs = require("fs");
