# SPDX-License-Identifier: Apache-2.0
import unittest

from intervals import length, merge


class MergeTests(unittest.TestCase):
    def test_overlapping_intervals_become_one(self):
        self.assertEqual(merge([(4, 9), (1, 5)]), [(1, 9)])

    def test_intervals_that_touch_become_one(self):
        self.assertEqual(merge([(1, 3), (3, 6)]), [(1, 6)])

    def test_a_gap_stays(self):
        self.assertEqual(merge([(5, 6), (1, 3)]), [(1, 3), (5, 6)])


class LengthTests(unittest.TestCase):
    def test_points_are_counted_once(self):
        self.assertEqual(length([(0, 10), (5, 15)]), 15)


if __name__ == "__main__":
    unittest.main()
